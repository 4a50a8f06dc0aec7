"""What is no SQL and often stands in files: psql's commands and variables, merge marks, templates, other databases' habits."""

from __future__ import annotations

import re

_PSQL = (
    (r"i|ir|include|include_relative", "put the text of that file here"),
    (
        r"set|unset|gset|getenv|setenv|prompt",
        "delete it, and write the value itself where its :variable stands (or use a do block with variables)",
    ),
    (r"c|connect|conninfo", "delete it: the run's target decides the database, and another database is another run"),
    (r"copy", "write the rows as an insert"),
    (r"\.", "write the rows above it as an insert"),
    (r"if|elif|else|endif", "write `do $$ begin if … then … end if; end $$;`"),
    (
        r"gexec",
        "write `do $do$ declare s text; begin for s in <the query, without its ;> loop execute s; end loop; end $do$;`",
    ),
    (
        r"g|gx|gdesc|bind|bind_named|parse|sendpipeline|startpipeline|endpipeline|flush|close",
        "end the statement with ;",
    ),
    (r"echo|qecho|warn", "delete it, or write `do $$ begin raise notice '…'; end $$;`"),
    (r"q|quit", "delete it and what follows it, which psql does not run"),
    (r"encoding", "delete it: migrations are UTF-8"),
    (r"password", "write `alter role … password '…'` outside the migrations: a password does not belong in a file"),
    (r"!|cd|o|out|w|write|s|e|edit|ef|ev|p|r|lo_.*", "delete it: it works on the machine where psql runs"),
    (
        r"a|C|f|H|t|T|x|pset|timing|errverbose|crosstabview(?:\w*)|watch|h|help|\?|copyright|d\S*|l\+?|list|sf\+?|sv\+?|z|dt\S*",
        "delete it: it only shows something",
    ),
)
_TEMPLATES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|\$\{[^}\n]*\}|\$\([^)\n]*\)|%\(\w+\)s|@@?\w+@|\[\[.*?\]\]")
_VARIABLE = re.compile(r"""(?<![:\w]):(?:'\w+'|"\w+"|\{\?\w+\}|[A-Za-z_]\w*)""")
_MERGE = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)
_WORDS = re.compile(r"[A-Za-z]+")
_BEGIN = (
    "alter analyze call comment create delete do drop grant insert lock notify reindex refresh revoke select set truncate "
    "update vacuum with begin commit"
)
_BEGINNINGS = frozenset(_BEGIN.split())


_GO = re.compile(r"^[ \t]*go[ \t]*;?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_DELIMITER = re.compile(r"^[ \t]*delimiter\b.*$", re.IGNORECASE | re.MULTILINE)
_SWITCHES = re.compile(
    r"\\(?:un)?set\s+(?:ON_ERROR_STOP|ON_ERROR_ROLLBACK|AUTOCOMMIT|ECHO\w*|QUIET|VERBOSITY|SHOW_\w+|HIDE_\w+|PROMPT\d|HIST\w+|"
    r"SINGLE\w+|FETCH_COUNT)\b"
)
_MOST_LINES = 12


_COMMAND = re.compile(r"^[ \t]*\\(?!\.[ \t]*\r?$|(?:un)?restrict\b)(?:[A-Za-z]\w*|[!?])[^\n]*", re.MULTILINE)
_COPY = re.compile(r"^[ \t]*copy\b[^;]*?\bfrom\s+stdin\b", re.IGNORECASE | re.MULTILINE)


def other_commands(text: str, place: int) -> str:
    """Where else commands of psql stand, each of which has its own replacement; empty where there is none."""
    line = text[place:].split("\n", 1)[0]
    return _also(_COMMAND, text, line, text.rfind("\n", 0, place) + 1)


def other_copies(text: str, place: int) -> str:
    """Where else rows are copied from psql."""
    begin = text.rfind("\n", 0, place) + 1
    return _also(_COPY, text, text[begin:].split("\n", 1)[0], begin)


def instead_of(command: str) -> str:
    """What to write instead of a command of psql, given with its backslash."""
    if _SWITCHES.match(command):
        return "delete it: it is a switch of psql's own, and here every failed statement stops the file"
    name = re.match(r"\\(\S*)", command)
    word = name.group(1) if name else ""
    return next((todo for pattern, todo in _PSQL if re.fullmatch(pattern, word)), "replace it by SQL, or delete it")


def explained(text: str, place: int) -> tuple[int, str] | None:
    """What stands at the place of a syntax error, or around it, and what to do; with its own place. None: nothing known."""
    begin = text.rfind("\n", 0, place) + 1
    line = text[begin:].split("\n", 1)[0]
    merge = list(_MERGE.finditer(text))
    if any(mark.group().startswith(("<", ">")) for mark in merge):
        lines = ", ".join(str(text.count("\n", 0, mark.start()) + 1) for mark in merge[:6])
        return (
            merge[0].start(),
            f"a mark of a merge that was not finished (lines {lines}): decide between the parts and delete the marks",
        )
    for template in _TEMPLATES.finditer(line):
        if begin + template.start() - 1 <= place <= begin + template.end():
            return (
                begin + template.start(),
                f"{template.group()[:40]} is for a template, and files are sent as they are: let your tool write the file, or "
                f"write the value{_also(_TEMPLATES, text, line, begin)}",
            )
    if (variable := _VARIABLE.match(text, place)) or (variable := _VARIABLE.match(text, max(0, place - 1))):
        return (
            variable.start(),
            f"{variable.group()} is a variable of psql, which no server knows: write the value itself (or current_user, or "
            f"current_setting('…') in a do block){_also(_VARIABLE, text, line, begin)}",
        )
    if line.strip().lower().rstrip(";") == "go" or re.search(
        r"^[ \t]*go[ \t]*\r?$", _before(text, place), re.IGNORECASE | re.MULTILINE
    ):
        found = _GO.search(text)
        at = found.start() if found else place
        return (
            at,
            "GO ends a batch in SQL Server's tools, no statement here: delete it and end the statement before it with ;"
            + _also(_GO, text, "", at),
        )
    if re.match(r"[ \t]*delimiter\b", line, re.IGNORECASE):
        return (
            begin,
            "DELIMITER is a command of MySQL's client: delete it and write ; where the delimiter stands; a function's body is "
            f"between $$ and $$ here{_also(_DELIMITER, text, line, begin)}",
        )
    if text.startswith("`", place) or "`" in line[: place - begin + 1]:
        return begin + line.index("`"), 'a back-tick quotes names in MySQL: write "name", or the bare name'
    if line.strip() == "/":
        return begin, "a slash ends a statement in Oracle's tools: delete it and end the statement with ;"
    if text.startswith("#", place):
        return place, "# begins no comment here: write --"
    if (quote := line.rfind("\\'", 0, place - begin + 1)) >= 0:
        return (
            begin + quote,
            "a backslash does not escape a quote in SQL: write '' for one quote in a string, or begin it with E'",
        )
    if re.match(r"[ \t]*for[ \t]+\w+[ \t]*,", line, re.IGNORECASE):
        return place, "a policy is for one command, or for all: write one policy for each command, or FOR ALL"
    return _missing_semicolon(text, place)


def _also(pattern: re.Pattern[str], text: str, line: str, begin: int) -> str:
    """Where else the same stands, so that one run tells of all of it; lines that only begin a comment are passed over."""
    lines = dict.fromkeys(
        text.count("\n", 0, found.start()) + 1
        for found in pattern.finditer(text)
        if not begin <= found.start() <= begin + len(line)
        and not text[text.rfind("\n", 0, found.start()) + 1 : found.start()].lstrip().startswith("--")
    )
    named = ", ".join(map(str, list(lines)[:_MOST_LINES])) + (", …" if len(lines) > _MOST_LINES else "")
    return f"; look at {'line' if len(lines) == 1 else 'lines'} {named} too" if lines else ""


def _before(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, max(0, text.rfind("\n", 0, place))) + 1 : place]


def _missing_semicolon(text: str, place: int) -> tuple[int, str] | None:
    """A statement that begins where the one before has not ended."""
    begin = text.rfind("\n", 0, place) + 1
    word = _WORDS.match(text, place)
    if word is None or word.group().lower() not in _BEGINNINGS or text[begin:place].strip():
        return None
    before = re.sub(
        r"--[^\n]*|/\*.*?\*/", lambda found: " " * len(found.group()), text[:begin], flags=re.DOTALL
    ).rstrip()
    if not before or before.endswith(";"):
        return None
    line = before.count("\n") + 1
    where = "before the comment in" if "--" in text.splitlines()[line - 1] else "at the end of"
    return (
        place,
        f'"{word.group()}" begins a new statement here, and the one before it has no end: put a ; {where} line {line}',
    )
