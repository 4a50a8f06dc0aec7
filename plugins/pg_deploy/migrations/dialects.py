"""Files of other migration tools. They are recognised by their marks and their names, and the error names the tool.

Such a file is SQL that would run here, and that is the danger: some tools keep the rollback in the same file, or in one
beside it, so it would run as a change, right after the change that it undoes. A file that is plain SQL is accepted, whoever
wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pg_deploy.grammar import parser
from pg_deploy.grammar.errors import ParseError
from pg_deploy.migrations.errors import ForeignFileError, ForeignFolderError


@dataclass(frozen=True)
class _Tool:
    """A tool: `mark` matches a line that only its files have, `back` the line after which its rollback stands."""

    name: str
    mark: re.Pattern[str]
    back: re.Pattern[str] | None


def _line(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*(?:{pattern})[^\n]*", re.IGNORECASE | re.MULTILINE)


_TOOLS = (
    _Tool("goose", _line(r"--[ \t]*\+goose\b"), _line(r"--[ \t]*\+goose[ \t]+down\b")),
    _Tool("sql-migrate", _line(r"--[ \t]*\+migrate\b"), _line(r"--[ \t]*\+migrate[ \t]+down\b")),
    _Tool("micrate", _line(r"--[ \t]*\+micrate\b"), _line(r"--[ \t]*\+micrate[ \t]+down\b")),
    _Tool("dbmate", _line(r"--[ \t]*migrate:(?:up|down)\b"), _line(r"--[ \t]*migrate:down\b")),
    _Tool("rambler", _line(r"--[ \t]*rambler[ \t]+(?:up|down)\b"), _line(r"--[ \t]*rambler[ \t]+down\b")),
    _Tool("node-pg-migrate", _line(r"--[ \t]*(?:up|down)[ \t]+migration\b"), _line(r"--[ \t]*down[ \t]+migration\b")),
    _Tool(
        "Liquibase", _line(r"--[ \t]*(?:liquibase[ \t]+formatted|changeset[ \t]+\S+:)"), _line(r"--[ \t]*rollback\b")
    ),
    _Tool("tern", _line(r"-{4,}[ \t]*create above"), _line(r"-{4,}[ \t]*create above")),
    _Tool("MyBatis Migrations", _line(r"--[ \t]*//[ \t]*@undo"), _line(r"--[ \t]*//[ \t]*@undo")),
    _Tool(
        "Play evolutions", _line(r"(?:--|#)[ \t]*-*[ \t]*!(?:ups|downs)\b"), _line(r"(?:--|#)[ \t]*-*[ \t]*!downs\b")
    ),
    _Tool("shmig", _line(r"--[ \t]*=+[ \t]*(?:up|down)[ \t]*=+"), _line(r"--[ \t]*=+[ \t]*down[ \t]*=+")),
    _Tool(
        "Sqitch",
        _line(r"--[ \t]*(?:deploy|revert|verify)[ \t]+[\w.-]+(?::[\w./-]+)?[ \t]+(?:to|from|on)[ \t]+pg[ \t]*$"),
        _line(r"--[ \t]*revert[ \t]"),
    ),
    _Tool("Alembic", _line(r"--[ \t]*running downgrade\b"), _line(r"--[ \t]*running downgrade\b")),
    _Tool("yoyo", _line(r"--[ \t]*yoyo[ \t:]"), None),
)
# A whole schema, dumped by Rails, dbmate, Ecto or golang-migrate: it ends with the rows of their own history.
_DUMP = re.compile(
    r"""insert\s+into\s+(?:"?public"?\s*\.\s*)?"?(schema_migrations|ar_internal_metadata)"?\s*\(""", re.IGNORECASE
)
# The heading of a rollback in any other tool's file: a comment that says nothing else.
_HEADING = re.compile(
    r"^[ \t]*--[\W_]*(?:@|!)?(?:(?:migrate|migration|section|begin|start|the)[\W_]+)?"
    r"(?:downs?|roll[ -]?back|undo|revert|downgrade|backwards?)(?:[\W_]+(?:migration|section|script|sql|here))?[\W_]*$",
    re.IGNORECASE | re.MULTILINE,
)
_REMARK = re.compile(r"^[ \t]*(?:--|#)", re.MULTILINE)
_COMMENT = re.compile(r"\s*(?:--[^\n]*\n?|/\*.*?\*/)", re.DOTALL)
_MADE = re.compile(
    r"""\b(?:create\s+(?:unlogged\s+|unique\s+|or\s+replace\s+|materialized\s+)*(?:table|view|index|type|function|schema|
        policy|sequence|trigger|procedure|domain|extension)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?
        |add\s+column\s+(?:if\s+not\s+exists\s+)?|add\s+constraint\s+)((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)""",
    re.IGNORECASE | re.VERBOSE,
)
_DROPPED = re.compile(
    r"""\b(?:drop\s+(?:materialized\s+)?(?:table|view|index|type|function|schema|policy|sequence|trigger|procedure|domain
        |extension|column|constraint)\s+(?:concurrently\s+)?(?:if\s+exists\s+)?)((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)""",
    re.IGNORECASE | re.VERBOSE,
)


def refuse_other_tools(text: str, *, file: str) -> None:
    """Raise ForeignFileError if the text is another tool's file: its rollback would run as a change. Pure."""
    # Collected once: a text may have half a million lines, and there are many tools.
    lines = [remark.start() for remark in _REMARK.finditer(text)]
    for tool in _TOOLS:
        if (mark := _comment_at(tool.mark, text, lines)) is None:
            continue
        back = _comment_at(tool.back, text, lines) if tool.back else None
        raise ForeignFileError(file, _number(text, mark), tool.name, _shown(mark), back=_number_and_text(text, back))
    if (dump := _DUMP.search(text)) is not None and dump.start() > len(text) // 2 and "create table" in text.lower():
        line = text.count("\n", 0, dump.start()) + 1
        raise ForeignFileError(file, line, "Rails (or dbmate, Ecto)", _shown(dump), dump=True)
    if (heading := _rollback_heading(text)) is not None:
        raise ForeignFileError(
            file, _number(text, heading), "another tool", _shown(heading), back=_number_and_text(text, heading)
        )


def _rollback_heading(text: str) -> re.Match[str] | None:
    """A heading whose first statement drops something that the file made above it."""
    for heading in _HEADING.finditer(text):
        rest = text[heading.end() :]
        while (comment := _COMMENT.match(rest)) is not None:
            rest = rest[comment.end() :]
        first = rest.split(";", 1)[0]
        made = {_without_schema(name) for name in _MADE.findall(text[: heading.start()])}
        if any(_without_schema(name) in made for name in _DROPPED.findall(first)) and _is_comment(text, heading):
            return heading
    return None


def _without_schema(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip('"').lower()


def _comment_at(pattern: re.Pattern[str], text: str, lines: Sequence[int]) -> re.Match[str] | None:
    matches = (pattern.match(text, line) for line in lines)
    return next((match for match in matches if match and _is_comment(text, match)), None)


def _is_comment(text: str, line: re.Match[str]) -> bool:
    """Whether the line is a comment of the file, and no part of a string or of a function's body."""
    begin = line.start() + len(line.group()) - len(line.group().lstrip())
    if text.startswith("#", begin):
        return True
    try:
        return any(
            token.start <= begin <= token.end
            for token in parser.scan(text)
            if token.name in {"SQL_COMMENT", "C_COMMENT"}
        )
    except ParseError:
        return True


def _number(text: str, line: re.Match[str]) -> int:
    return text.count("\n", 0, line.start()) + 1


def _number_and_text(text: str, line: re.Match[str] | None) -> tuple[int, str] | None:
    return (_number(text, line), _shown(line)) if line is not None else None


def _shown(line: re.Match[str]) -> str:
    return line.group().strip()[:60]


# ------------------------------------------------------------------------------------------------ comments for another tool

_FOR_ANOTHER_TOOL = _line(
    r"--[ \t]*(?:supabase:|atlas:|pgroll:|squawk-disable-transaction|disable[_ -]ddl[_ -]transaction|no[_ -]transaction\b"
    r"|transaction:[ \t]*(?:false|none|no)|execute-in-transaction|flyway:|runInTransaction|endDelimiter|splitStatements"
    r"|disable-transaction|rollback[ \t]+(?:drop|alter|delete|update|revoke|grant|insert)\b"
    r"|sqlx:|\+?prisma:|pgmigrate:|migration:|refinery:)"
)


def comments_for_another_tool(text: str) -> tuple[tuple[int, str], ...]:
    """The comments that ask another tool for something, with their line numbers. Nobody here obeys them. Pure."""
    return tuple(
        (_number(text, line), _shown(line)) for line in _FOR_ANOTHER_TOOL.finditer(text) if _is_comment(text, line)
    )


# ---------------------------------------------------------------------------------------------------------------- names

_FLYWAY = re.compile(r"[VUBR]\d[\d._]*__.*\.sql|R__.*\.sql", re.IGNORECASE)
_BACK_NAME = re.compile(r"(?P<stem>.+)[._-](?:down|undo|rollback|revert|downgrade)\.sql", re.IGNORECASE)
_UP = r"up|do|tx\.up"
_DOWN = r"down|undo|rollback|revert|tx\.down"
_DIRECTION = re.compile(
    rf"(?:.+\.(?P<way>{_UP}|{_DOWN})|(?P<alone>up|down)|\d+\.(?P<first>{_UP}|{_DOWN})\..+)\.sql", re.IGNORECASE
)
_READ_UP_TO = 20_000
_IN_CODE = {
    "Alembic": (r"\balembic\b", "`alembic upgrade <from>:<to> --sql` prints it"),
    "Django": (r"\bdjango\.db\b", "`python manage.py sqlmigrate <app> <number>` prints it"),
    "Laravel": (r"Illuminate\\Database\\Migrations", "`php artisan migrate --pretend` prints it"),
    "Doctrine": (r"Doctrine\\Migrations", "`doctrine-migrations migrate --write-sql` writes it"),
    "Phinx": (r"Phinx\\Migration", "`phinx migrate --dry-run` prints it"),
    "Entity Framework": (r"EntityFrameworkCore\.Migrations", "`dotnet ef migrations script` prints it"),
    "Ecto": (r"use Ecto\.Migration", "`mix ecto.migrate --log-migrations-sql` logs it, run on a copy"),
    "Rails": (
        r"ActiveRecord::Migration",
        "run it on a copy, and take what it logs (`ActiveRecord::Base.logger = Logger.new($stdout)`)",
    ),
    "TypeORM": (r"\bMigrationInterface\b", "it stands in its `queryRunner.query(…)`"),
    "Sequelize": (r"\bqueryInterface\b", "run it on a copy with `logging: console.log`, and take what it logs"),
    "Knex": (r"\bknex\b", "`console.log(knex.schema.createTable(…).toString())` in its up() prints it"),
}
"""Tools whose migrations are code: what stands in such a file, and how to get its SQL."""
_CODE = re.compile(r"(?:V?\d+|[0-9a-f]{12})[_.-].*\.(?:[cm]?[jt]s|py|rb|php|exs?|go|xml|ya?ml|json|java|kt|cs)")


def _our_name(file: str, others: Sequence[str]) -> str:
    """What another tool's migration would be called here, without `.sql`: its own digits, if it has any, and its name.

    The digits are padded to the longest of `others`, because files are sorted as texts here, and often as numbers there.
    """
    stem = re.sub(r"(?i)^[vubr](?=\d)|[._-](?:up|down|do|undo|rollback|revert|downgrade)(?=\.sql$)|\.sql$", "", file)
    stem = re.sub(r"(?i)\.sql$|^R__", "", stem)
    parts = re.fullmatch(r"(\d+)[._]*_*(.*)", stem)
    if parts is None or not parts[2]:
        return f"<14 digits>_{stem if parts is None else '<name>'}"
    if re.match(r"(?i)V\d+[._]\d", file):
        # A version in parts: 1.1 comes between 1 and 2, and its digits alone do not say so.
        return f"<14 digits>_{re.sub(r'^[0-9._]+', '', parts[2])}"
    width = max((len(digits[1]) for other in others if (digits := re.match(r"(?i)[vu]?(\d+)", other))), default=0)
    return f"{parts[1].zfill(width)}_{parts[2].lstrip('_')}"


def refuse_other_names(name: str, others: Sequence[str]) -> None:
    """Raise ForeignFileError if the file's name is another tool's; `others` are the names beside it. Pure."""
    if _FLYWAY.fullmatch(name):
        is_back = name[:1] in "Uu"
        raise ForeignFileError(
            name, 0, "Flyway (or refinery, Evolve)", name, is_back=is_back, our_name=_our_name(name, others)
        )
    if (way := _DIRECTION.fullmatch(name)) is not None:
        is_back = (way["way"] or way["alone"] or way["first"]).lower().rsplit(".", 1)[-1] not in ("up", "do")
        raise ForeignFileError(
            name,
            0,
            "golang-migrate, sqlx, postgrator or the like",
            name,
            is_back=is_back,
            our_name=_our_name(name, others),
        )
    if (back := _BACK_NAME.fullmatch(name)) is not None:
        beside = [f"{back['stem']}.sql", *(f"{back['stem']}{mark}up.sql" for mark in "._-")]
        if any(other in others for other in beside):
            raise ForeignFileError(name, 0, "another tool", name, is_back=True, our_name=_our_name(name, others))


def _written_in_code(text: str) -> tuple[str, str]:
    """The tool of a migration in code, and how to get its SQL."""
    for tool, (mark, sql) in _IN_CODE.items():
        if re.search(mark, text):
            return tool, sql
    return (
        "a tool whose migrations are code",
        "most such tools can print what they would run, or log what they run on a copy",
    )


def code_beside(directory: Path) -> tuple[str, ...]:
    """The files whose names are those of migrations in code. Nobody here runs them. Reads names only."""
    return tuple(sorted(entry.name for entry in directory.iterdir() if _CODE.fullmatch(entry.name) and entry.is_file()))


def foreign_folder(directory: Path) -> Iterator[ForeignFolderError]:
    """The signs of another tool in the folder itself. Reads names, and the beginning of one file in code."""
    names = sorted(entry.name for entry in directory.iterdir())
    folders = [name for name in names if (directory / name).is_dir()]
    if "sqitch.plan" in names or (directory.parent / "sqitch.plan").is_file():
        yield ForeignFolderError(
            str(directory),
            "Sqitch",
            "it has a sqitch.plan, which holds the order, and revert/, which holds the rollbacks",
            "write one file <14 digits>_<name>.sql for each line of the plan from deploy/<change>.sql, and put"
            ' revert/<change>.sql into <14 digits>_<name>/rollback.sql, both without the line "-- Deploy …" or "-- Revert …";'
            " then take sqitch.plan, deploy/, revert/ and verify/ out of the folder",
        )
    for inside, tool in (("migration.sql", "Prisma"), ("up.sql", "Hasura or Diesel")):
        with_it = [name for name in folders if (directory / name / inside).is_file()]
        if with_it:
            then = (
                ", and its down.sql to <name>/rollback.sql" if inside == "up.sql" else ", and remove the empty folders"
            )
            yield ForeignFolderError(
                str(directory),
                tool,
                f"each of its {len(with_it)} migrations is a folder with a {inside} ({with_it[0]}/{inside})",
                f"move each <name>/{inside} to <name>.sql{then}",
            )
    if "structure.sql" in names:
        yield ForeignFolderError(
            str(directory),
            "Rails",
            "structure.sql is the whole schema as a dump, no change of it",
            "take it out of the folder: the changes are in db/migrate, in Ruby, and only Rails runs them",
        )
    changelogs = [name for name in names if re.fullmatch(r".*changelog.*\.(?:xml|ya?ml|json)", name, re.IGNORECASE)]
    if changelogs:
        yield ForeignFolderError(
            str(directory),
            "Liquibase",
            f"{changelogs[0]} holds what is to run and how it is taken back",
            "let `liquibase update-sql` write the SQL, and put it into a file <14 digits>_<name>.sql",
        )
    code = code_beside(directory)
    if code and not any(name.lower().endswith(".sql") for name in names):
        tool, sql = _written_in_code((directory / code[0]).read_text(encoding="utf-8", errors="replace")[:_READ_UP_TO])
        yield ForeignFolderError(
            str(directory),
            tool,
            f"it holds no .sql and {len(code)} files like {code[0]}",
            f"put the SQL of each into a file <14 digits>_<name>.sql: {sql}",
        )
