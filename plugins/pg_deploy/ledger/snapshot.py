"""Snapshots: the catalog facts at a moment, each fact stored once by its hash."""

from __future__ import annotations

from datetime import datetime

from pg_deploy.catalog import Fact, Facts
from pg_deploy.session import Connection


def save(
    connection: Connection,
    deployment_id: int,
    attempt_id: int | None,
    moment: str,
    facts: Facts,
    *,
    location: str = "target",
) -> None:
    """Store `facts` as the snapshot of a moment (before, after, rolled_back, deployed). Commits once."""
    ordered = sorted(facts.facts)
    with connection.transaction():
        connection.execute(
            """insert into deploy_ledger.catalog_fact (hash, scope, kind, identity, definition)
            select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
            on conflict do nothing""",
            [
                [fact.hash for fact in ordered],
                [fact.scope for fact in ordered],
                [fact.kind for fact in ordered],
                [fact.identity for fact in ordered],
                [fact.definition for fact in ordered],
            ],
        )
        connection.execute(
            """insert into deploy_ledger.snapshot
                (deployment_id, attempt_id, moment, location, fingerprint, server_version, fact_hashes)
            values (%s, %s, %s, %s, %s, %s, %s)""",
            [
                deployment_id,
                attempt_id,
                moment,
                location,
                facts.fingerprint,
                facts.server_version,
                [fact.hash for fact in ordered],
            ],
        )


def load(connection: Connection, attempt_id: int, moment: str, *, location: str = "target") -> Facts | None:
    """The newest snapshot of that attempt and moment, if one was taken. Reads only."""
    head = connection.execute(
        """select id, server_version, taken_at from deploy_ledger.snapshot
        where attempt_id = %s and moment = %s and location = %s order by id desc limit 1""",
        [attempt_id, moment, location],
    ).fetchone()
    if head is None:
        return None
    rows = connection.execute(
        """select f.kind, f.identity, f.definition, f.scope
        from deploy_ledger.snapshot s
        join deploy_ledger.catalog_fact f on f.hash = any (s.fact_hashes)
        where s.id = %s""",
        [head[0]],
    ).fetchall()
    taken_at: datetime = head[2]
    return Facts(frozenset(Fact(*row) for row in rows), server_version=head[1], read_at=taken_at)
