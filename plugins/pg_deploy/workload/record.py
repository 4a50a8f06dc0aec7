"""Recording the workload: the statements in pg_stat_statements of this database, without ours and without what is no query."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import fingerprint, parse_sql
from pg_deploy.ledger.kinds.workload import RecordedStatement, Recording, Workload
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.expressions import call_name
from pg_deploy.parsing.syntax import relations_calls_ctes
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.presentation.secrecy import without_certain_secrets

_EXTENSION = engine_sql("workload/extension")
_QUERIES = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
_OURS = ("access_proof", "deploy_workload", "deploy_catalog_", "pg_stat_statements", "supabase_migrations")
_CATALOGS = ("pg_catalog", "information_schema", "pg_toast", "cron")
_MOST, _LONGEST = 20_000, 200_000
_TIMEOUT_S = 30
# Counters that are younger than this say nothing of a day.
_ENOUGH = timedelta(hours=1)
_LEAST_CALLS_OF_OWN_ROLE = 3
_HIDDEN = "<insufficient privilege>"


def record_workload(
    connection: Connection,
    *,
    ledger: str,
    own: Iterable[Migration] = (),
    last_seen: Mapping[str, str] | None = None,
) -> Workload:
    """The statements that the server recorded of this database. Reads only, in a transaction that is aborted.

    Left out are utility statements (they may hold passwords), statements on the server's catalogs alone, and the engine's own. Of
    what this session's role sent, also what belongs to `own` migrations (their checks, benchmarks and changes), and what it
    sent once or twice, as a person or a script does. If nothing can be read, the outcome and a note say why. Raises
    psycopg.Error only if the connection is lost.
    """
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"set local statement_timeout = '{_TIMEOUT_S} s'; set local transaction_read_only = on")
            return _recorded(connection, ledger, _fingerprints(own), last_seen or {})
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        why = one_line(error.diag.message_primary or str(error))
        return Workload(outcome=Recording.NOT_VISIBLE, notes=(f"pg_stat_statements cannot be read: {why}",))


def _recorded(connection: Connection, ledger: str, own: Collection[str], last_seen: Mapping[str, str]) -> Workload:
    with connection.cursor(row_factory=dict_row) as cursor:
        extension = cursor.execute(_EXTENSION).fetchone()
    if extension is None:
        note = "the extension pg_stat_statements is missing in this database: create extension pg_stat_statements"
        return Workload(outcome=Recording.MISSING, notes=(note,))
    function = sql.Identifier(extension["schema"], "pg_stat_statements")
    time = "total_exec_time" if "total_exec_time" in extension["columns"] else "total_time"
    rows = connection.execute(
        sql.SQL(
            """select s.queryid::pg_catalog.text || '/' || s.userid::pg_catalog.text, r.rolname::pg_catalog.text,
                pg_catalog.min(s.query), pg_catalog.sum(s.calls)::pg_catalog.float8, pg_catalog.sum(s.{time})::pg_catalog.float8
            from {function}(true) as s
            left join pg_catalog.pg_roles as r on r.oid = s.userid
            where s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()){top}
            group by 1, 2
            order by 4 desc, 1"""
        ).format(
            time=sql.Identifier(time),
            function=function,
            top=sql.SQL(" and s.toplevel" if "toplevel" in extension["columns"] else ""),
        )
    ).fetchall()
    since, evicted = _counted_since(connection, extension)
    days = (extension["now"] - since) / timedelta(days=1) if since and extension["now"] - since >= _ENOUGH else None
    hidden = sum(query in (None, _HIDDEN) for _, _, query, _, _ in rows)
    found = [
        RecordedStatement(
            statement_id(role, text),
            text,
            role,
            calls,
            calls / days if days else None,
            round(total_ms / calls, 3) if calls else 0.0,
            round(total_ms, 1),
            key,
            last_seen.get(key),
        )
        for key, role, query, calls, total_ms in rows
        if role is not None and query not in (None, _HIDDEN) and not _mentions(query, (*_OURS, ledger))
        for text in [without_certain_secrets(query)]
        if is_of_application(text) and not (role == extension["role"] and own and _fingerprint(text) in own)
    ]
    notes = list(_notes(extension, since, evicted, hidden))
    by_hand = [each for each in found if each.role == extension["role"] and each.calls < _LEAST_CALLS_OF_OWN_ROLE]
    if by_hand:
        notes.append(
            f"{len(by_hand):,} statements that {extension['role']} sent once or twice are taken for a person's or a script's:"
            " they are not asked"
        )
    of_nobody = sum(role is None for _, role, _, _, _ in rows)
    if of_nobody:
        notes.append(f"{of_nobody:,} statements are of roles that are gone: they are not asked")
    left_out = {each.id for each in by_hand}
    found = [each for each in found if each.id not in left_out]
    if len(found) > _MOST:
        notes.append(f"{len(found):,} statements are recorded: the {_MOST:,} with the most calls are asked")
    outcome = Recording.NOT_VISIBLE if hidden and not found else Recording.RECORDED
    return Workload(
        outcome=outcome,
        statements=_merge_by_id(found[:_MOST]),
        notes=tuple(notes),
        taken_at=extension["now"].isoformat(),
        since=since.isoformat() if since else None,
    )


def _merge_by_id(found: Iterable[RecordedStatement]) -> tuple[RecordedStatement, ...]:
    """The server may count one text twice (another search_path, an object that was made anew): here it is one statement."""
    by_id: dict[str, RecordedStatement] = {}
    for each in found:
        by_id[each.id] = _merged(by_id[each.id], each) if each.id in by_id else each
    return tuple(sorted(by_id.values(), key=lambda one: -one.calls))


def _merged(one: RecordedStatement, other: RecordedStatement) -> RecordedStatement:
    calls, total_ms = one.calls + other.calls, one.total_ms + other.total_ms
    return replace(
        one,
        calls=calls,
        calls_a_day=None
        if one.calls_a_day is None or other.calls_a_day is None
        else one.calls_a_day + other.calls_a_day,
        total_ms=round(total_ms, 1),
        mean_ms=round(total_ms / calls, 3) if calls else 0.0,
        more_keys=(*one.more_keys, *other.keys),
        last_seen=max(filter(None, (one.last_seen, other.last_seen)), default=None),
    )


def statement_id(role: str, text: str) -> str:
    """Eight hexadecimal digits that name a statement of a role."""
    return hashlib.sha256(f"{role}\n{text}".encode()).hexdigest()[:8]


def _counted_since(connection: Connection, extension: Mapping[str, Any]) -> tuple[datetime | None, int]:
    if not extension["has_info"]:
        return None, 0
    row = connection.execute(
        sql.SQL("select i.stats_reset, i.dealloc from {} as i").format(
            sql.Identifier(extension["schema"], "pg_stat_statements_info")
        )
    ).fetchone()
    return (row[0], int(row[1] or 0)) if row else (None, 0)


def _notes(extension: Mapping[str, Any], since: datetime | None, evicted: int, hidden: int) -> Iterator[str]:
    if hidden:
        yield (
            f"{hidden:,} statements of other roles are not visible to {extension['role']}, so nothing is known of them:"
            f" grant pg_read_all_stats to {extension['role']}"
        )
    if since is None:
        yield "this version of pg_stat_statements does not say since when it counts: calls a day are not known"
    elif extension["now"] - since < _ENOUGH:
        minutes = round((extension["now"] - since).total_seconds() / 60)
        yield (
            f"the counters were reset {minutes} min ago: what is sent seldom is not in them, and calls a day are not known"
        )
    if evicted:
        yield (
            f"the server has forgotten rare statements {evicted:,} times (pg_stat_statements.max is {extension['most']}):"
            " what it forgot is not asked"
        )


def _fingerprints(migrations: Iterable[Migration]) -> frozenset[str]:
    """The fingerprints of everything that the engine sends for these migrations."""
    found = set()
    for migration in migrations:
        texts = [each.sql for each in migration.statements]
        texts += [statement.sql for check in migration.checks for statement in check.statements]
        for benchmark in migration.benchmarks:
            for query in filter(None, (benchmark.before, benchmark.after)):
                texts += [statement.sql for statement in query.statements]
        found |= {each for each in map(_fingerprint, texts) if each}
    return frozenset(found)


def _fingerprint(text: str) -> str | None:
    try:
        return fingerprint(text)
    except (ParseError, TooDeepError):
        return None


def _mentions(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)


def is_of_application(text: str) -> bool:
    """Whether a text is one query, on more than the server's catalogs. A text that cannot be read counts as one. Pure."""
    if len(text) > _LONGEST:
        return True
    try:
        statements = parse_sql(text)
    except (ParseError, TooDeepError):
        return True
    if len(statements) != 1:
        return False
    tree = statements[0].stmt
    if type(tree).__name__ not in _QUERIES or (isinstance(tree, ast.SelectStmt) and tree.intoClause):
        return False
    relations, calls, ctes = relations_calls_ctes(tree)
    named = [each for each in relations if each.schemaname or each.relname not in ctes]
    if not named:
        # What a session sets for itself reads nothing that a migration could change.
        return not calls or any(call_name(call)[1] != "set_config" for call in calls)
    return not all(
        each.schemaname in _CATALOGS or (not each.schemaname and str(each.relname).startswith("pg_")) for each in named
    )
