"""Snapshots: the catalog facts at a moment, each fact stored once by its hash."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pg_deploy.catalog.kept_facts import as_read_today
from pg_deploy.catalog.objects import from_text
from pg_deploy.catalog.reader import Facts, Scope
from pg_deploy.ledger.sealing import seal_definition, seal_identity, unseal
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_fragment, engine_text

# A ledger that an older version of the engine made, and that is only read, has no such column: then the name finds the null.
_OBJECTS = engine_fragment("(select objects from deploy_ledger.snapshot i where i.id = s.id)")
_MISSING = "cross join (select null::text as objects) missing"


def save(
    connection: Connection,
    deployment_id: int,
    attempt_id: int | None,
    moment: str,
    facts: Facts,
    *,
    location: str = "target",
) -> None:
    """Store `facts` as the snapshot of a moment (before, after, undoing, rolled_back, deployed, asked). Commits once.

    The commit does not wait for the disk: the attempt's next state waits, and writes this too.
    """
    ordered = sorted(facts.facts)
    with connection.transaction():
        known = connection.execute(
            engine_text("""select hash from deploy_ledger.catalog_fact, pg_catalog.set_config('synchronous_commit', 'off', true)
            where hash = any (%s)"""),
            [[fact.hash for fact in ordered]],
        ).fetchall()
        stored = {row[0] for row in known}
        new = [fact for fact in ordered if fact.hash not in stored]
        connection.execute(
            engine_text("""insert into deploy_ledger.catalog_fact (hash, scope, kind, identity, definition)
            select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
            on conflict do nothing"""),
            [
                [fact.hash for fact in new],
                [fact.scope for fact in new],
                [fact.kind for fact in new],
                [seal_identity(fact.kind, str(fact.identity)) for fact in new],
                [seal_definition(fact.definition) for fact in new],
            ],
        )
        connection.execute(
            engine_text("""insert into deploy_ledger.snapshot
                (deployment_id, attempt_id, moment, location, fingerprint, server_version, fact_hashes, objects)
            values (%s, %s, %s, %s, %s, %s, %s, %s)"""),
            [
                deployment_id,
                attempt_id,
                moment,
                location,
                facts.fingerprint,
                facts.server_version,
                [fact.hash for fact in ordered],
                facts.objects.text() if facts.objects else None,
            ],
        )


def load(connection: Connection, attempt_id: int, moment: str, *, location: str = "target") -> Facts | None:
    """The newest snapshot of that attempt and moment, if one was taken. Reads only."""
    head = connection.execute(
        engine_text(f"""select id, server_version, taken_at, {_OBJECTS} from deploy_ledger.snapshot s {_MISSING}
        where attempt_id = %s and moment = %s and location = %s order by id desc limit 1"""),
        [attempt_id, moment, location],
    ).fetchone()
    return _facts(connection, *head) if head else None


def load_of_deployment(connection: Connection, deployment_id: int, moment: str) -> Facts | None:
    """The newest snapshot that a deployment itself, and none of its attempts, has of that moment. Reads only."""
    head = connection.execute(
        engine_text(f"""select id, server_version, taken_at, {_OBJECTS} from deploy_ledger.snapshot s {_MISSING}
        where deployment_id = %s and attempt_id is null and moment = %s order by id desc limit 1"""),
        [deployment_id, moment],
    ).fetchone()
    return _facts(connection, *head) if head else None


def newest(connection: Connection, moment: str) -> tuple[int, Facts] | None:
    """The newest snapshot of the target at that moment of any deployment, with the deployment's id. Reads only."""
    head = connection.execute(
        engine_text(f"""select id, server_version, taken_at, {_OBJECTS}, deployment_id from deploy_ledger.snapshot s {_MISSING}
        where moment = %s and location = 'target' order by id desc limit 1"""),
        [moment],
    ).fetchone()
    return (head[4], _facts(connection, *head[:4])) if head else None


def around(connection: Connection, deployment_id: int) -> tuple[Facts, Facts] | None:
    """The first snapshot of the target that a deployment took, and what it left behind; None if it kept not both. Reads only."""
    heads = [
        connection.execute(
            engine_text(f"""select id, server_version, taken_at, {_OBJECTS} from deploy_ledger.snapshot s {_MISSING}
            where deployment_id = %s and location = 'target' and moment = any (%s)
            order by case when moment = 'deployed' then -id else id end limit 1"""),
            [deployment_id, moments],
        ).fetchone()
        for moments in (["before", "undoing"], ["deployed"])
    ]
    before, after = (_facts(connection, *head) if head else None for head in heads)
    return (before, after) if before is not None and after is not None else None


def unseal_facts(rows: Iterable[tuple[str, str, str, Scope]]) -> list[tuple[str, str, str, Scope]]:
    """Rows of deploy_ledger.catalog_fact (kind, identity, definition, scope), with what was sealed in them."""
    return [(kind, unseal(identity), unseal(definition), scope) for kind, identity, definition, scope in rows]


def _facts(
    connection: Connection, snapshot_id: int, server_version: int, taken_at: datetime, objects: str | None
) -> Facts:
    rows = connection.execute(
        engine_text("""select f.kind, f.identity, f.definition, f.scope
        from deploy_ledger.snapshot s
        join deploy_ledger.catalog_fact f on f.hash = any (s.fact_hashes)
        where s.id = %s"""),
        [snapshot_id],
    ).fetchall()
    return Facts(as_read_today(unseal_facts(rows)), server_version, taken_at, from_text(objects))
