"""Files of other migration tools: recognised by the marks they bear and the names they have, and said by name.

Such a file is SQL that runs here, and that is the danger: where the tool keeps the way back in the same file, or in one
beside it, it would be run as a change, right after the way there. A file that is plain SQL, whoever wrote it, is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pglast import parser

from pg_deploy.migrations.errors import ForeignFileError, ForeignFolderError


@dataclass(frozen=True)
class _Tool:
    """A tool: `mark` is a whole line of its files, `back` the one after which the way back stands."""

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
# A schema as Rails, dbmate, Ecto or golang-migrate dump it: it ends with what they themselves remember.
_DUMP = re.compile(
    r"""insert\s+into\s+(?:"?public"?\s*\.\s*)?"?(schema_migrations|ar_internal_metadata)"?\s*\(""", re.IGNORECASE
)
# Any other tool's heading of a way back: a comment that says nothing else.
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
    """Raise ForeignFileError where the text is another tool's file, whose way back would be run as a change."""
    # Looked for once: a text may have half a million lines, and there are many tools.
    lines = [found.start() for found in _REMARK.finditer(text)]
    for tool in _TOOLS:
        if (mark := _comment_at(tool.mark, text, lines)) is None:
            continue
        back = _comment_at(tool.back, text, lines) if tool.back else None
        raise ForeignFileError(file, _number(text, mark), tool.name, _shown(mark), back=_place(text, back))
    if (dump := _DUMP.search(text)) is not None and dump.start() > len(text) // 2 and "create table" in text.lower():
        line = text.count("\n", 0, dump.start()) + 1
        raise ForeignFileError(file, line, "Rails (or dbmate, Ecto)", _shown(dump), dump=True)
    if (heading := _way_back(text)) is not None:
        raise ForeignFileError(
            file, _number(text, heading), "another tool", _shown(heading), back=_place(text, heading)
        )


def _way_back(text: str) -> re.Match[str] | None:
    """A heading after which the very first statement drops what the file made above."""
    for heading in _HEADING.finditer(text):
        rest = text[heading.end() :]
        while (comment := _COMMENT.match(rest)) is not None:
            rest = rest[comment.end() :]
        first = rest.split(";", 1)[0]
        made = {_last(name) for name in _MADE.findall(text[: heading.start()])}
        if any(_last(name) in made for name in _DROPPED.findall(first)) and _is_comment(text, heading):
            return heading
    return None


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip('"').lower()


def _comment_at(pattern: re.Pattern[str], text: str, lines: Sequence[int]) -> re.Match[str] | None:
    found = (pattern.match(text, line) for line in lines)
    return next((each for each in found if each and _is_comment(text, each)), None)


def _is_comment(text: str, found: re.Match[str]) -> bool:
    """Whether the line is no part of a string or a function's body, where it is somebody's text."""
    begin = found.start() + len(found.group()) - len(found.group().lstrip())
    if text.startswith("#", begin):
        return True
    try:
        return any(
            token.start <= begin <= token.end
            for token in parser.scan(text)
            if token.name in {"SQL_COMMENT", "C_COMMENT"}
        )
    except parser.ParseError:
        return True


def _number(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def _place(text: str, found: re.Match[str] | None) -> tuple[int, str] | None:
    return (_number(text, found), _shown(found)) if found is not None else None


def _shown(found: re.Match[str]) -> str:
    return found.group().strip()[:60]


# ------------------------------------------------------------------------------------------------------- comments that promise

_PROMISES = _line(
    r"--[ \t]*(?:supabase:|atlas:|pgroll:|squawk-disable-transaction|disable[_ -]ddl[_ -]transaction|no[_ -]transaction\b"
    r"|transaction:[ \t]*(?:false|none|no)|execute-in-transaction|flyway:|runInTransaction|endDelimiter|splitStatements"
    r"|disable-transaction|rollback[ \t]+(?:drop|alter|delete|update|revoke|grant|insert)\b"
    r"|sqlx:|\+?prisma:|pgmigrate:|migration:|refinery:)"
)


def promises(text: str) -> tuple[tuple[int, str], ...]:
    """The comments that ask another tool for something, with their lines: nobody here honours them."""
    return tuple(
        (_number(text, found), _shown(found)) for found in _PROMISES.finditer(text) if _is_comment(text, found)
    )


# ---------------------------------------------------------------------------------------------------------------- names

_FLYWAY = re.compile(r"[VUBR]\d[\d._]*__.*\.sql|R__.*\.sql", re.IGNORECASE)
_BACK_NAME = re.compile(r"(?P<stem>.+)[._-](?:down|undo|rollback|revert|downgrade)\.sql", re.IGNORECASE)
_UP = r"up|do|tx\.up"
_DOWN = r"down|undo|rollback|revert|tx\.down"
_DIRECTION = re.compile(
    rf"(?:.+\.(?P<way>{_UP}|{_DOWN})|(?P<alone>up|down)|\d+\.(?P<first>{_UP}|{_DOWN})\..+)\.sql", re.IGNORECASE
)
_READ = 20_000
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
"""Tools whose migrations are code, by what stands in them."""
_CODE = re.compile(r"(?:V?\d+|[0-9a-f]{12})[_.-].*\.(?:[cm]?[jt]s|py|rb|php|exs?|go|xml|ya?ml|json|java|kt|cs)")


def _own_place(file: str, others: Sequence[str]) -> str:
    """What a migration of another tool would be called here: its own digits, where it has any, and its name.

    The digits are as many as the longest of `others` has: here files are sorted as texts, and there often as numbers.
    """
    stem = re.sub(r"(?i)^[vubr](?=\d)|[._-](?:up|down|do|undo|rollback|revert|downgrade)(?=\.sql$)|\.sql$", "", file)
    stem = re.sub(r"(?i)\.sql$|^R__", "", stem)
    found = re.fullmatch(r"(\d+)[._]*_*(.*)", stem)
    if found is None or not found[2]:
        return f"<14 digits>_{stem if found is None else '<name>'}"
    if re.match(r"(?i)V\d+[._]\d", file):
        # A version in parts: 1.1 comes between 1 and 2, and none of its digits says so.
        return f"<14 digits>_{re.sub(r'^[0-9._]+', '', found[2])}"
    width = max((len(digits[1]) for other in others if (digits := re.match(r"(?i)[vu]?(\d+)", other))), default=0)
    return f"{found[1].zfill(width)}_{found[2].lstrip('_')}"


def refuse_other_names(name: str, others: Sequence[str]) -> None:
    """Raise ForeignFileError where the file's name is another tool's; `others` are the names beside it."""
    if _FLYWAY.fullmatch(name):
        undoes = name[:1] in "Uu"
        raise ForeignFileError(
            name, 0, "Flyway (or refinery, Evolve)", name, is_back=undoes, place=_own_place(name, others)
        )
    if (way := _DIRECTION.fullmatch(name)) is not None:
        is_back = (way["way"] or way["alone"] or way["first"]).lower().rsplit(".", 1)[-1] not in ("up", "do")
        raise ForeignFileError(
            name,
            0,
            "golang-migrate, sqlx, postgrator or the like",
            name,
            is_back=is_back,
            place=_own_place(name, others),
        )
    if (back := _BACK_NAME.fullmatch(name)) is not None:
        beside = [f"{back['stem']}.sql", *(f"{back['stem']}{mark}up.sql" for mark in "._-")]
        if any(other in others for other in beside):
            raise ForeignFileError(name, 0, "another tool", name, is_back=True, place=_own_place(name, others))


def _written_in_code(text: str) -> tuple[str, str]:
    """The tool that a migration in code is for, and how to come by its SQL."""
    for tool, (mark, sql) in _IN_CODE.items():
        if re.search(mark, text):
            return tool, sql
    return (
        "a tool whose migrations are code",
        "most such tools can print what they would run, or log what they run on a copy",
    )


def code_beside(directory: Path) -> tuple[str, ...]:
    """The files that are migrations in code by their names: nobody here runs them. Reads names only."""
    return tuple(sorted(entry.name for entry in directory.iterdir() if _CODE.fullmatch(entry.name) and entry.is_file()))


def foreign_folder(directory: Path) -> Iterator[ForeignFolderError]:
    """What the folder itself says of another tool. Reads names only."""
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
        mine = [name for name in folders if (directory / name / inside).is_file()]
        if mine:
            back = (
                ", and its down.sql to <name>/rollback.sql" if inside == "up.sql" else ", and remove the empty folders"
            )
            yield ForeignFolderError(
                str(directory),
                tool,
                f"each of its {len(mine)} migrations is a folder with a {inside} ({mine[0]}/{inside})",
                f"move each <name>/{inside} to <name>.sql{back}",
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
        tool, sql = _written_in_code((directory / code[0]).read_text(encoding="utf-8", errors="replace")[:_READ])
        yield ForeignFolderError(
            str(directory),
            tool,
            f"it holds no .sql and {len(code)} files like {code[0]}",
            f"put the SQL of each into a file <14 digits>_<name>.sql: {sql}",
        )
