"""Who else is affected by a change: the subscribers of a published table, and the readers on a standby."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.lock_modes import Lock
from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.statements import Statement
from pg_deploy.parsing.tree import fields, items, type_and_fields
from pg_deploy.preflight.lock_finding import LockFinding

_PUBLISHED = """select c.oid::pg_catalog.regclass::text, c.relname::text, n.nspname::text,
    pg_catalog.string_agg(distinct p.pubname, ', ' order by p.pubname)
from pg_catalog.pg_publication p
join pg_catalog.pg_publication_tables t on t.pubname = p.pubname
join pg_catalog.pg_namespace n on n.nspname = t.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
group by 1, 2, 3"""
_STANDBYS = "select count(*) from pg_catalog.pg_stat_replication where state = 'streaming'"
# Changes that a subscriber cannot follow when it applies rows, because its own table stays as it is.
_WHY_THEY_STOP = {
    "AT_AddColumn": "a new column, which the subscriber's table lacks: add it there first",
    "AT_AlterColumnType": "another type, which the subscriber's table does not have: change it there first",
    "AT_DropNotNull": "values may be null from now on, which the subscriber's table may refuse: change it there first",
}


def elsewhere_findings(
    connection: psycopg.Connection, migrations: Sequence[Migration]
) -> dict[str, tuple[LockFinding, ...]]:
    """For each pending migration, by version, what it does to subscribers and standbys. Reads only."""
    published: dict[str, str] = {}
    for as_written, relation, schema, publications in connection.execute(_PUBLISHED).fetchall():
        for spelling in {as_written, f"{schema}.{relation}", *([relation] if schema == "public" else [])}:
            published[spelling] = publications
    row = connection.execute(_STANDBYS).fetchone()
    standbys = int(row[0]) if row else 0
    return {
        migration.version: tuple(
            finding
            for statement in migration.statements
            for finding in (*_subscriber_findings(statement, published), *_standby_findings(statement, standbys))
        )
        for migration in migrations
    }


def _subscriber_findings(statement: Statement, published: dict[str, str]) -> Iterator[LockFinding]:
    for claim in statement.locks:
        publications = published.get(claim.relation or "")
        reason = _why_subscribers_stop(statement) if publications else ""
        if reason:
            yield LockFinding(
                "published-table-changes",
                "warning",
                statement.line,
                f"{claim.relation} is published by {publications}, and this change stops a subscriber that applies rows ({reason})",
                "Supabase's Realtime is no such subscriber: it follows by itself",
            )
            return


def _why_subscribers_stop(statement: Statement) -> str:
    if statement.kind == "truncate":
        return "the subscriber's rows are truncated too"
    _, stmt = type_and_fields(parse(statement.brief, file="")[0].tree)
    if statement.kind == "alter table" and stmt.get("renameType") in ("OBJECT_TABLE", "OBJECT_COLUMN"):
        return "another name, which the subscriber does not know: rename it there at the same time"
    for each in items(stmt.get("cmds")):
        reason = _WHY_THEY_STOP.get(str(fields(each.get("AlterTableCmd")).get("subtype")))
        if reason:
            return reason
    return ""


def _standby_findings(statement: Statement, standbys: int) -> Iterator[LockFinding]:
    held = next(
        (each.relation for each in statement.locks if each.mode is Lock.ACCESS_EXCLUSIVE and each.relation), None
    )
    if standbys and held:
        yield LockFinding(
            "lock-reaches-the-standbys",
            "warning",
            statement.line,
            f"ACCESS EXCLUSIVE on {held} is taken on {standbys} standby{'s' if standbys > 1 else ''} as well, where long readers "
            "hold up the replay, or are cancelled after max_standby_streaming_delay",
            "choose an hour in which nobody reads long there",
        )
