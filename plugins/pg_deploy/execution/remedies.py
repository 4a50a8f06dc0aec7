"""What to write instead of a refused statement, if the way out is well known, or if only the way a file is run is at fault.

Each remedy is chosen by the SQLSTATE and the server's English words; the names in it come from these words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pg_deploy.parsing.committing import OUTSIDE_A_TRANSACTION
from pg_deploy.parsing.summary import summary_of

_Sentence = Callable[[re.Match[str], str], str]
"""It makes the remedy's sentence from the server's words, as a match, and the statement's SQL."""


@dataclass(frozen=True)
class _Remedy:
    sqlstate: str
    words: re.Pattern[str]
    sentence: _Sentence


_ALL: list[_Remedy] = []


def _when(sqlstate: str, words: str) -> Callable[[_Sentence], _Sentence]:
    def keep(sentence: _Sentence) -> _Sentence:
        _ALL.append(_Remedy(sqlstate, re.compile(words, re.DOTALL), sentence))
        return sentence

    return keep


def remedy(sqlstate: str | None, message: str, sql: str, partitions: Sequence[str] = ()) -> str:
    """The cause and the way out, with the lines to paste; empty if none is known. Pure.

    `partitions` are the partitions, by quoted name, of the statement's table: a line about a partition is given for each.
    """
    for known in _ALL:
        if known.sqlstate == sqlstate and (match := known.words.search(message)) is not None:
            return _for_each_partition(known.sentence(match, sql), partitions)
    return ""


def _for_each_partition(text: str, partitions: Sequence[str]) -> str:
    if not partitions or "<partition>" not in text:
        return text
    lines = text.split("\n")
    about = [number for number, line in enumerate(lines) if "<partition>" in line]
    repeated = [lines[number].replace("<partition>", name) for name in partitions for number in about]
    return "\n".join([*lines[: about[0]], *repeated, *lines[about[-1] + 1 :]])


def _to_paste(*lines: str) -> str:
    return "".join(f"\n    {line}" for line in lines)


@_when("2D000", r"invalid transaction termination|transaction commands")
def _commit_inside(_: re.Match[str], sql: str) -> str:
    if re.search(r"^\s*(?:--[^\n]*\n\s*)*(?:call|do)\b", sql, re.IGNORECASE):
        return (
            "the block or procedure commits, and this part of the file runs in one transaction: let it run alone, by this comment "
            f"right before it:{_to_paste(OUTSIDE_A_TRANSACTION, summary_of(sql) + ';')}\n  it is then not repeated by itself: write it "
            "so that it can go on where it stopped"
        )
    return (
        "a function cannot commit or roll back, under psql neither: take COMMIT and ROLLBACK out, or make it a procedure and "
        f"call it:{_to_paste('create procedure … language plpgsql as $$ … commit; … $$;', 'call …;')}"
    )


@_when("55P04", r'unsafe use of new value "?(.*?)"? of enum type "?([^"]+?)"?$')
def _enum(match: re.Match[str], _: str) -> str:
    return (
        f"an enum value can be used only after the transaction that added it, and a file is one: leave the `alter type {match[2]} add "
        f"value '{match[1]}' …` alone in this file, and put what uses it into a migration of its own, a file with a later version"
    )


@_when("55006", r'cannot (.+?) "(.+?)" because it has pending trigger events')
def _pending(match: re.Match[str], sql: str) -> str:
    return (
        f'rows of "{match[2]}" that this transaction changed still wait for a deferred check: let it be made before this line, '
        f"or put this line into a migration of its own:{_to_paste('set constraints all immediate;', summary_of(sql) + ';')}"
    )


@_when("55006", r'cannot (.+?) "(.+?)" because it is being used by active queries')
def _in_use(match: re.Match[str], sql: str) -> str:
    return (
        f'a cursor or a loop of this very statement still reads "{match[2]}": take the command out of the loop, into a '
        "statement of its own after it"
    )


@_when("0A000", r'cannot create index on partitioned table "(.+?)" concurrently')
def _partitioned_index(match: re.Match[str], sql: str) -> str:
    made = re.search(
        r"create\s+(unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?([\w.\"$]+)?\s*on\s+(?:only\s+)?([\w.\"$]+)\s*(.*)",
        sql,
        re.IGNORECASE | re.DOTALL,
    )
    unique, name, table, rest = made.groups() if made else ("", "", match[1], "(…)")
    name, unique, rest = name or "…", unique or "", " ".join(rest.split())
    schema = f"{table.rsplit('.', 1)[0]}." if "." in table else ""
    return (
        "it takes three steps: the index on the parent alone (not valid yet, at once), one on each partition concurrently, then "
        "each is attached, and the last attachment makes the parent's valid:"
        + _to_paste(
            f"create {unique}index {name} on only {table} {rest};",
            f"create {unique}index concurrently {name}_<partition> on {schema}<partition> {rest};",
            f"alter index {schema}{name} attach partition {schema}{name}_<partition>;",
        )
        + "\n  all in this order, for each partition"
    )


@_when("0A000", r'cannot drop partitioned index "(.+?)" concurrently')
def _drop_partitioned(match: re.Match[str], sql: str) -> str:
    return f"an index of a partitioned table goes with those of its partitions in one step:{_to_paste(f'drop index {match[1]};')}"


@_when("0A000", r"CONCURRENTLY cannot be used when the materialized view is not populated")
def _unpopulated(_: re.Match[str], sql: str) -> str:
    plain = re.sub(r"\s+concurrently\b", "", summary_of(sql), flags=re.IGNORECASE)
    return f"the first time it is filled without CONCURRENTLY, nobody reads it yet:{_to_paste(plain + ';')}"


@_when("55000", r'cannot refresh materialized view "(.+?)" concurrently')
def _refresh(match: re.Match[str], _: str) -> str:
    return (
        "CONCURRENTLY compares rows by a unique index over whole columns, without WHERE, which it lacks:"
        f"{_to_paste(f'create unique index … on {match[1]} (…);')}"
    )


@_when("25001", r"(.+?) cannot be executed from a function")
def _from_function(match: re.Match[str], _: str) -> str:
    return (
        f"{match[1]} runs in no transaction, and a function or DO block is always in one: write it as a statement of the file by "
        f"itself, one for each object, where it runs alone:{_to_paste(f'{match[1].lower()} …;')}"
    )


@_when("25001", r"(.+?) cannot run inside a (?:transaction block|subtransaction)")
def _in_block(match: re.Match[str], sql: str) -> str:
    if re.match(r"REINDEX|CLUSTER", match[1]):
        concurrently = (
            "reindex table concurrently …;" if match[1].startswith("REINDEX") else "cluster <partition> using …;"
        )
        return f"of a partitioned table it is many transactions: name each partition, or use CONCURRENTLY:{_to_paste(concurrently)}"
    if "PREPARED" in match[1]:
        return "a transaction that somebody prepared is ended by hand, in psql: it is no change of a migration"
    if re.match(r"\s*(?:select|call|do|perform|with|execute)\b", sql, re.IGNORECASE):
        return f"no function and no DO block can run {match[1]}: write that statement itself into a migration of its own, without the call"
    return f"{match[1]} runs in no transaction: put it into a migration of its own:{_to_paste(summary_of(sql) + ';')}"


@_when(
    "25001", r"SET TRANSACTION ISOLATION LEVEL must (?:be called before any query|not be called in a subtransaction)"
)
def _isolation(_: re.Match[str], __: str) -> str:
    return (
        "each file's transaction has read its first rows already: delete the line, or make it the first one of the file"
    )


@_when("0A000", r"can only reindex the currently open database")
def _reindex_database(_: re.Match[str], __: str) -> str:
    return (
        "a migration works on one database, and this names another: leave the name out if PostgreSQL is 16 or newer, or name "
        f"the tables:{_to_paste('reindex table concurrently …;')}"
    )


@_when("25P01", r"(.+?) can only be used in transaction blocks")
def _needs_block(match: re.Match[str], _: str) -> str:
    return f"{match[1]} lasts as long as its transaction, and this part runs outside one: put it beside what it is for"


@_when(
    "42501",
    r"permission denied to set parameter|must be superuser to execute ALTER SYSTEM|permission denied.*system|must be superuser",
)
def _superuser(_: re.Match[str], sql: str) -> str:
    if re.search(r"\balter\s+system\b", sql, re.IGNORECASE):
        return (
            "ALTER SYSTEM changes the whole server, and is for a superuser or whom one grants it (from PostgreSQL 15 on: `grant alter "
            "system on parameter … to …`): set it for this database or a role, or at the provider "
            "(Supabase: `supabase postgres-config update --config name=value`):"
            + _to_paste("alter database <database> set … = …;", "alter role <role> set … = …;")
        )
    return "only a superuser may do this: let an administrator do it outside the migrations, and take the line out"


@_when("42501", r"permission denied to create database|must be owner of database")
def _database(_: re.Match[str], __: str) -> str:
    return "a migration changes one database; another one is made once, by an administrator: take the line out"


@_when("0A000", r"cannot alter type of a column used (?:by|in) (?:a |an )?(.+)")
def _column_type(match: re.Match[str], _: str) -> str:
    kind = next(
        (
            each
            for each in ("view", "policy", "generated column", "trigger", "publication", "function")
            if each in match[1]
        ),
        "view",
    )
    as_it_was = (
        ("create view … with (security_invoker = …) as …;", "grant … on … to …;", "alter view … owner to …;")
        if kind == "view"
        else (f"create {kind} …;",)
    )
    also = (
        "; a view without its security_invoker, if it had one, shows its owner's rows to everybody"
        if kind == "view"
        else ""
    )
    return (
        f"the {kind} names the column's type: take the {kind} away and make it again as it was, in the same file, which is one "
        f"transaction{also}:{_to_paste(f'drop {kind} …;', 'alter table … alter column … type …;', *as_it_was)}"
    )


@_when("42501", r"permission denied for (function|procedure) (\S+)")
def _execute(match: re.Match[str], _: str) -> str:
    return (
        f"the file is right, the role may not call it: leave the line out, or let an administrator say once:"
        f"{_to_paste(f'grant execute on {match[1]} {match[2]}(…) to <the deploying role>;')}"
    )


@_when("23514", r'check constraint "(.+?)" of relation "(.+?)" is violated by some row')
def _violated(match: re.Match[str], _: str) -> str:
    return (
        f"rows that are there break it: find them, mend them in a migration before this one, or add it without looking at them:"
        f"{_to_paste(f'select * from {match[2]} where not (…);', f'alter table {match[2]} add constraint {match[1]} check (…) not valid;')}"
    )


@_when("23503", r'insert or update on table "(.+?)" violates foreign key constraint "(.+?)"')
def _orphans(match: re.Match[str], sql: str) -> str:
    altered = _ALTERED_TABLE.match(sql)
    if altered is not None and re.search(r"\bvalidate\s+constraint\b", sql, re.IGNORECASE):
        return (
            "rows that are there refer to nothing: mend or delete them, in a file whose version comes before this one's"
        )
    key = _FOREIGN_KEY.search(sql) or _COLUMN_THAT_REFERS.search(sql)
    if altered is not None and key is not None and key.re is _COLUMN_THAT_REFERS:
        return (
            f"the column is new, and every row gets its default, which {key['to']} does not have: leave the default out, or write "
            f"that row of {key['to']} first"
        )
    if altered is None or key is None:
        return "the row that it refers to is not there: the detail names the key; write that row first, or leave this one out"
    table, own, theirs = altered[1], _columns(key["own"]), _columns(key["theirs"] or "")
    same = " and ".join(
        f"p.{their} = t.{mine}" for mine, their in zip(own, theirs or ["<its key>"] * len(own), strict=False)
    )
    given = " and ".join(f"t.{mine} is not null" for mine in own)
    refers = f"references {key['to']}" + (f" ({', '.join(theirs)})" if theirs else "")
    return (
        "rows that are there refer to nothing: find them, mend or delete them in a file whose version comes before this one's, or add "
        "the key without looking at them, and validate it in a later file:"
        + _to_paste(
            f"select * from {table} t where {given} and not exists (select from {key['to']} p where {same});",
            f"alter table {table} add constraint {match[2]} foreign key ({', '.join(own)}) {refers} not valid;",
            f"alter table {table} validate constraint {match[2]};  -- in a later file, once the rows are mended",
        )
    )


_ALTERED_TABLE = re.compile(r"\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?([\w.\"$]+)", re.IGNORECASE)
_REFERS = r"references\s+(?P<to>[\w.\"$]+)\s*(?:\((?P<theirs>[^)]+)\))?"
_FOREIGN_KEY = re.compile(rf"foreign\s+key\s*\((?P<own>[^)]+)\)\s*{_REFERS}", re.IGNORECASE)
_COLUMN_THAT_REFERS = re.compile(
    rf"add\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?(?P<own>[\w\"]+)\s[^,;]*?{_REFERS}", re.IGNORECASE
)


def _columns(listed: str) -> list[str]:
    return [each.strip() for each in listed.split(",") if each.strip()]


@_when("23505", r'could not create unique index "(.+?)"')
def _not_unique(_: re.Match[str], sql: str) -> str:
    said = "the rows are in the way, not the file: keep one of each, in a file whose version comes before this one's"
    on = _UNIQUE_INDEX.search(sql) or _UNIQUE_CONSTRAINT.search(sql)
    columns = _columns(on["columns"]) if on else []
    if on is None or not all(re.fullmatch(r'\w+|"[^"]+"', each) for each in columns):
        return said
    same = " and ".join(f"a.{each} = b.{each}" for each in columns)
    listed, table = ", ".join(columns), on["table"]
    return (
        said
        + "; these lines show them, and keep one of each, which one is chance (name your key instead of ctid to choose; no rollback "
        "brings the others back):"
        + _to_paste(
            f"select {listed}, count(*) from {table} group by {listed} having count(*) > 1;",
            f"delete from {table} a using {table} b where {same} and a.ctid > b.ctid;",
        )
    )


_UNIQUE_INDEX = re.compile(
    r"\bunique\s+index\b.*?\bon\s+(?:only\s+)?(?P<table>[\w.\"$]+)\s*(?:using\s+\w+\s*)?\((?P<columns>[^()]+)\)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_UNIQUE_CONSTRAINT = re.compile(
    r"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>[\w.\"$]+)\s+add\s+(?:constraint\s+\S+\s+)?(?:unique|primary\s+key)\s*"
    r"\((?P<columns>[^()]+)\)",
    re.IGNORECASE,
)


@_when("42P16", r"cannot (?:change|drop).+view|cannot change name of view column")
def _view(_: re.Match[str], __: str) -> str:
    return (
        "CREATE OR REPLACE VIEW only adds columns at the end: make it anew in the same file, with its grants:"
        f"{_to_paste('drop view …;', 'create view … as …;', 'grant select on … to …;')}"
    )


@_when("42P13", r"cannot change (?:return type|name of input parameter)|cannot remove parameter defaults")
def _function(_: re.Match[str], __: str) -> str:
    return (
        "CREATE OR REPLACE keeps result and parameters as they are: make the function anew in the same file, with its grants and "
        f"what uses it:{_to_paste('drop function …(…);', 'create function … ;', 'grant execute on function … to …;')}"
    )


@_when("2BP01", r"cannot drop (.+?) because other objects depend on it")
def _depends(match: re.Match[str], _: str) -> str:
    return (
        f"drop or change first, in this file, what the detail says to depend on {match[1]}; CASCADE would take it along "
        "without being asked about, rows and policies included"
    )


@_when("23502", r'column "(.+?)" of relation "(.+?)" contains null values')
def _nulls(match: re.Match[str], sql: str) -> str:
    table, column = match[2], match[1]
    if re.search(rf'\badd\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?"?{re.escape(column)}"?\s', sql, re.IGNORECASE):
        lines = (
            f"alter table {table} add column {column} …;",
            f"update {table} set {column} = …;",
            f"alter table {table} alter column {column} set not null;",
        )
        return f"the column is new, and the rows that are there have nothing for it: give it a default, or three lines:{_to_paste(*lines)}"
    return f"fill them first, in this file:{_to_paste(f'update {table} set {column} = … where {column} is null;')}"


@_when("0A000", r"cannot truncate a table referenced in a foreign key constraint")
def _truncate(_: re.Match[str], __: str) -> str:
    return f"truncate all of them in one statement, or delete rows instead:{_to_paste('truncate …, …;')}"


@_when("42704", r'type "(datetime|tinyint|mediumtext|longtext|double|number|varchar2|nvarchar)" does not exist')
def _foreign_type(match: re.Match[str], _: str) -> str:
    here = {"datetime": "timestamptz", "tinyint": "smallint", "double": "double precision", "number": "numeric"}
    return f"{match[1]} is another database's: write {here.get(match[1], 'text')}"


@_when("42601", r"syntax error at end of input")
def _unfinished(_: re.Match[str], sql: str) -> str:
    if re.match(r"\s*reindex\s+(?:database|system)\s*(?:concurrently\s*)?$", sql, re.IGNORECASE):
        return "before PostgreSQL 16 this wants the database's name, and a migration does not know it: name the tables instead"
    return ""


@_when("42704", r'unrecognized configuration parameter "(.+?)"')
def _setting(match: re.Match[str], _: str) -> str:
    return (
        f'"{match[1]}" is a setting of another version of PostgreSQL (pg_dump writes those of its own), or of an extension that is '
        "not loaded: delete the line"
    )
