"""Reading a PL/pgSQL body, and writing down what the server is to be asked about each of its statements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, PrintError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import nodes
from pg_deploy.workload.plpgsql_program import Check, Program
from pg_deploy.workload.plpgsql_text import Reader, UnreadableBodyError, Words

_TEMPORARY = re.compile(
    r"""create\s+(?:(?:global|local)\s+)?temp(?:orary)?\s+(?:table|view|sequence)\s+(?:if\s+not\s+exists\s+)?("[^"]+"|[\w$.]+)""",
    re.IGNORECASE,
)
_WORD = re.compile(r'"[^"]+"|[\w$]+')
_END_OF_LIST = ("end", "exception", "elsif", "elseif", "else", "when", "")
_QUERIES = ("select", "with", "values", "table", "(")
_CHANGES = ("insert", "update", "delete", "merge")
_VALUE, _STATEMENT = "explain select ", "explain "


def program_of(source: str, *, returns_rows: bool) -> Program:
    """The program of a body. With `returns_rows`, the shape of what RETURN QUERY gives is asked as well.

    Raises ParseError or UnreadableBodyError.
    """
    return _Reading(source, returns_rows).program


def temporary_names(source: str) -> frozenset[str]:
    """The tables that a body makes for itself, also by a text that it executes: nobody else can tell what is in them."""
    return frozenset(name.lower().rpartition(".")[2].strip('"') for name in _TEMPORARY.findall(source))


def names_any(text: str, names: frozenset[str]) -> bool:
    """Whether one of these names is a word of the text."""
    return not names.isdisjoint(word.strip('"').lower() for word in _WORD.findall(text))


class _Reading:
    def __init__(self, source: str, returns_rows: bool) -> None:
        self.program = Program()
        self._read = Reader(source)
        self._returns_rows = returns_rows
        self._temporary = temporary_names(source)
        self._records: set[str] = set()
        self._cursors: dict[str, tuple[list[Words], str]] = {}
        while self._read.word() == "#":
            self._read.take()
            self.program.options.append(f"#{self._read.take().written} {self._read.take().written}")
        self._block(self._label())

    def _put(self, text: str) -> None:
        self.program.parts.append(text)

    def _ask(self, lead: str, text: str, tail: str = "", only: str = "") -> None:
        if text and not names_any(text, self._temporary):
            self.program.parts.append(Check(lead, text, tail, only))

    def _value(self, words: Words) -> None:
        self._ask(_VALUE, words.written)

    def _shape(self, target: Words, query: str, what: str = "*") -> None:
        """Give a record the columns of a query, without a row of it; where that fails, or there is no query, nobody knows them."""
        name = target.written
        if name.lower() in self._records:
            rows = "deploy_rows" if what == "*" else "deploy_rows(deploy_row)"
            chosen = f"select {what} into {name} from ({query}\n) as {rows} limit 0;"  # noqa: S608 - the body's own text
            self._put(f"begin {name} := null; {chosen if query else ''} exception when others then null; end;")

    def _label(self) -> str:
        if not self._read.took("<<"):
            return ""
        name = self._read.take().written
        self._read.take(">>")
        return f"<<{name}>> "

    def _block(self, label: str) -> None:
        self._put(f"{label}declare")
        defaults: list[Words] = []
        cursors: list[str] = []
        while self._read.took("declare"):
            while self._read.word() not in ("begin", "declare"):
                self._declaration(defaults, cursors)
        self._read.take("begin")
        self._put("begin")
        for value in defaults:
            self._value(value)
        for name in cursors:
            self._cursor_query(name)
        self._list()
        if self._read.took("exception"):
            while self._read.took("when"):
                self._read.until("then")
                self._read.take("then")
                self._put("declare sqlstate pg_catalog.text; sqlerrm pg_catalog.text; begin")
                self._list()
                self._put("end;")
        self._read.take("end")
        while self._read.word() and not self._read.took(";"):
            self._read.take()  # its label
        self._put("end;")

    def _declaration(self, defaults: list[Words], cursors: list[str]) -> None:
        words = self._read.statement()
        cursor = words.place_of(["cursor"])
        if cursor is not None and cursor in (1, 2, 3):
            query = words.place_of(["for", "is"], cursor)
            if query is None:
                raise UnreadableBodyError("a cursor has no query")
            arguments = words[cursor + 2 : query - 1].split() if words.lower[cursor + 1] == "(" else []
            self._cursors[words.lower[0]] = (arguments, words[query + 1 :].written)
            cursors.append(words.lower[0])
            self._put(f"{words.written};")
            return
        if words.lower[1:2] == ("alias",):
            self._put(f"{words.written};")
            return
        place = words.place_of([":=", "=", "default"])
        kind = words[1:place]
        if place is not None:
            defaults.append(words[place + 1 :])
        if kind.lower[:1] == ("constant",):
            kind = kind[1:]
        if kind.lower[-2:] == ("not", "null"):
            kind = kind[:-2]
        if kind.lower == ("record",):
            self._records.add(words.lower[0])
        else:
            self._records.discard(words.lower[0])
        self._put(f"{words[:1].written} {kind.written};")

    def _cursor_query(self, name: str, target: Words | None = None) -> None:
        arguments, query = self._cursors[name]
        self._put(
            "declare" + "".join(f" {each[: each.place_of([':=', '=', 'default'])].written};" for each in arguments)
        )
        self._put("begin")
        if target:
            self._shape(target, query)
        else:
            self._ask(_STATEMENT, query)
        self._put("end;")

    def _list(self) -> None:
        while self._read.word() not in _END_OF_LIST:
            self._statement()

    def _statement(self) -> None:
        label, word, following = self._label(), self._read.word(), self._read.word(1)
        compound = {
            "declare": self._block, "begin": self._block, "loop": self._loop, "while": self._while, "for": self._for,
            "foreach": self._foreach,
        }  # fmt: skip
        if word in compound:
            compound[word](label)
        elif word == "if":
            self._if()
        elif word == "case":
            self._case()
        elif following in (":=", "=", "[", "."):
            self._assignment(self._read.statement())
        else:
            known = {
                "return": self._return, "raise": self._raise, "assert": self._assert, "perform": self._perform,
                "execute": self._execute, "open": self._open, "fetch": self._fetch, "exit": self._when,
                "continue": self._when, "call": self._call,
            }  # fmt: skip
            known.get(word, self._sql)(self._read.statement())

    def _loop(self, label: str) -> None:
        self._read.take("loop")
        self._put(f"{label}begin")
        self._end_of_loop()

    def _end_of_loop(self) -> None:
        self._list()
        self._read.take("end")
        self._read.take("loop")
        self._read.statement()
        self._put("end;")

    def _while(self, label: str) -> None:
        self._read.take("while")
        self._value(self._read.until("loop"))
        self._loop(label)

    def _for(self, label: str) -> None:
        self._read.take("for")
        targets = self._read.until("in")
        self._read.take("in")
        words = self._read.until("loop")
        self._read.take("loop")
        first = words.lower[0] if len(words) else ""
        if (dots := words.place_of([".."])) is not None:
            by = words.place_of(["by"], dots)
            for part in (words[first == "reverse" : dots], words[dots + 1 : by], words[by + 1 :] if by else words[:0]):
                self._value(part)
            self._put(f"{label}declare {targets.written} pg_catalog.int4; begin")
        elif first == "execute":
            self._execute(words)
            self._shape(targets, "")
            self._put(f"{label}begin")
        elif first in self._cursors and (len(words) == 1 or words.lower[1] == "("):
            self._arguments(words[2:-1])
            self._put(f"{label}declare {targets.written} record; begin")
            self._records.add(targets.written.lower())
            self._cursor_query(first, targets)
        else:
            self._ask(_STATEMENT, words.written)
            self._shape(targets, _rows_of(words.written))
            self._put(f"{label}begin")
        self._end_of_loop()

    def _arguments(self, words: Words) -> None:
        for each in words.split():
            named = each.place_of([":=", "=>"])
            self._value(each if named is None else each[named + 1 :])

    def _foreach(self, label: str) -> None:
        self._read.take("foreach")
        self._read.until("array")
        self._read.take("array")
        self._value(self._read.until("loop"))
        self._loop(label)

    def _if(self) -> None:
        while self._read.took("if", "elsif", "elseif"):
            self._value(self._read.until("then"))
            self._read.take("then")
            self._list()
        if self._read.took("else"):
            self._list()
        self._read.take("end")
        self._read.take("if")
        self._read.statement()

    def _case(self) -> None:
        self._read.take("case")
        self._value(self._read.until("when"))
        while self._read.took("when"):
            self._value(self._read.until("then"))
            self._read.take("then")
            self._list()
        if self._read.took("else"):
            self._list()
        self._read.take("end")
        self._read.take("case")
        self._read.statement()

    def _assignment(self, words: Words) -> None:
        place = words.place_of([":=", "="])
        if place is None:
            raise UnreadableBodyError("nothing is assigned")
        target, value = words[:place], words[place + 1 :]
        if "." in target.lower:
            self._value(target)
        self._value(value)
        self._shape(target, f"select {value.written}", "(deploy_row).*")

    def _return(self, words: Words) -> None:
        kind, query = words[1:2].lower, words[2:]
        if kind == ("query",) and query.lower[:1] == ("execute",):
            self._execute(query)
        elif kind == ("query",):
            self._ask(_STATEMENT, query.written)
            if self._returns_rows and query.lower[0] in _QUERIES:
                # The server compares the columns when it begins to run the query; there is no row.
                self._ask("return query select * from (", query.written, "\n) as deploy_rows limit 0", only="42804")
        else:
            self._value(query if kind == ("next",) else words[1:])

    def _raise(self, words: Words) -> None:
        using = words.place_of(["using"])
        for part in words[1:using].split()[1:]:
            self._value(part)
        for part in words[using + 1 :].split() if using else ():
            self._value(part[2:])

    def _assert(self, words: Words) -> None:
        self._value(words[1:])

    def _perform(self, words: Words) -> None:
        self._ask(_VALUE, words[1:].written)

    def _execute(self, words: Words) -> None:
        into, using = words.place_of(["into"]), words.place_of(["using"])
        ends = [place for place in (into, using) if place is not None]
        self._value(words[1 : min(ends, default=len(words))])
        if using is not None:
            self._value(words[using + 1 : into if into is not None and into > using else len(words)])
        if into is not None:
            self._shape(_targets(words[into + 1 : using if using is not None and using > into else len(words)]), "")

    def _open(self, words: Words) -> None:
        query = words.place_of(["for"])
        if query is None:
            self._arguments(words[3:-1])
        elif words.lower[query + 1 : query + 2] == ("execute",):
            self._execute(words[query + 1 :])
        else:
            self._cursors[words.lower[1]] = ([], words[query + 1 :].written)
            self._ask(_STATEMENT, words[query + 1 :].written)

    def _fetch(self, words: Words) -> None:
        into = words.place_of(["into"])
        if into is None:
            return
        target, cursor = words[into + 1 :], words.lower[into - 1]
        if cursor in self._cursors and target.written.lower() in self._records:
            self._cursor_query(cursor, target)
        else:
            self._shape(target, "")

    def _when(self, words: Words) -> None:
        place = words.place_of(["when"])
        if place is not None:
            self._value(words[place + 1 :])

    def _call(self, words: Words) -> None:
        self._ask("", words.written)

    def _sql(self, words: Words) -> None:
        first = words.lower[0] if len(words) else ""
        if first in (*_QUERIES, *_CHANGES):
            self._query(words)
        elif (
            first == "create"
            and (place := words.place_of(["as"]))
            and words.lower[place + 1 : place + 2] in [(each,) for each in _QUERIES]
        ):
            self._ask(_STATEMENT, words[place + 1 :].written)
        elif first in ("truncate", "refresh", "lock"):
            for name in _relations(words.written):
                self._ask("explain select from ", name)

    def _query(self, words: Words) -> None:
        start, end = _into(words)
        if start == end:
            self._ask(_STATEMENT, words.written)
            return
        asked = words.without(start, end)
        self._ask(_STATEMENT, asked)
        self._shape(_targets(words[start + 1 : end]), _rows_of(asked))


def _targets(words: Words) -> Words:
    return words[1:] if words.lower[:1] == ("strict",) else words


def _into(words: Words) -> tuple[int, int]:
    """Where INTO and the variables behind it begin and end; the same place twice if there is none."""
    place = words.place_of(["into"])
    while place is not None and words.lower[place - 1] in ("insert", "merge"):
        place = words.place_of(["into"], place + 1)
    if place is None:
        return 0, 0
    end = place + 1 + (words.lower[place + 1 : place + 2] == ("strict",))
    while True:
        end += 1
        if words.lower[end : end + 1] not in ((".",), (",",)):
            return place, end
        end += 1


def _rows_of(text: str) -> str:
    """A query with the columns of what a statement returns, that itself writes nothing; "" where it cannot be told."""
    if text.split(maxsplit=1)[0].lower() not in _CHANGES:
        return text
    try:
        statement = parse_sql(text)[0].stmt
    except ParseError:
        return ""
    clause = getattr(statement, "returningClause", None)
    relation = getattr(statement, "relation", None)
    if clause is None or relation is None:
        return ""
    beside = getattr(statement, "fromClause", None) or getattr(statement, "usingClause", None) or ()
    try:
        return printed(ast.SelectStmt(targetList=clause.exprs, fromClause=(relation, *beside)))
    except (PrintError, TooDeepError):
        return ""


def _relations(text: str) -> Iterator[str]:
    try:
        tree = parse_sql(text)
    except ParseError:
        return
    for node in nodes(tree):
        if isinstance(node, ast.RangeVar):
            yield printed(
                ast.ColumnRef(fields=tuple(ast.String(sval=name) for name in (node.schemaname, node.relname) if name))
            )
