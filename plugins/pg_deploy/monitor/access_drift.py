"""What decides access and was changed by hand since the last deployment ended: the kinds that the access proof's closure follows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import psycopg
from psycopg.rows import tuple_row

from pg_deploy.access.facts.resting import what_rests_on
from pg_deploy.catalog.diff import Difference, compare, describe
from pg_deploy.catalog.kept_facts import as_read_today
from pg_deploy.catalog.kinds import CALLED_ON, RELATIONS, ROUTINES
from pg_deploy.catalog.majors import upgraded
from pg_deploy.catalog.names import Identity, made, parsed
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, Fact, Facts
from pg_deploy.catalog.rows import DROPPED_MEANWHILE, ObjectDroppedError, read_kinds
from pg_deploy.ledger.snapshot import unsealed
from pg_deploy.monitor.measures import Measured, Row, bounded, told
from pg_deploy.monitor.refreshing import deployment_is_open
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

MEASURE = "access_drift"
FILES = (
    "policy",
    "grant",
    "default_grant",
    "membership",
    "role",
    "function",
    "trigger",
    "rule",
    "operator",
    "cast",
    "setting",
    "parameter_grant",
    "publication",
    "publication_schema",
)
MADE = "made by hand"
UPGRADED = "the server"
_WHOLE = (*ROUTINES, *(name.replace("_", " ") for name in FILES if name != "function"))
_RELATIONS = (*RELATIONS, "partitioned table")
# Of a relation only what decides access; one that comes or goes shows in its grants.
_FLAGS = ("owner", "row level security", "force row level security")
_OPTIONS = ("security_invoker", "security_barrier", "check_option")


def measure_access_drift(connection: Connection) -> Measured:
    """One row for each object that differs from what the last deployment left behind. Reads only."""
    if deployment_is_open(connection):
        return Measured(MEASURE, problem="not looked at while a deployment is under way")
    kept = _kept(connection)
    if kept is None:
        return Measured(MEASURE, problem="nothing was deployed here yet, so there is nothing to compare with")
    deployment_id, before = kept
    try:
        now = access_facts(connection)
    except (ObjectDroppedError, *DROPPED_MEANWHILE):
        return Measured(MEASURE, problem="the catalog was changed while it was read; the next run looks again")
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return told(MEASURE, error)
    return Measured(MEASURE, tuple(_rows(before, now, deployment_id)))


def _rows(before: Facts, now: Facts, deployment_id: int) -> Iterator[Row]:
    """One row an object whose access was changed, and one for all that is new: nobody had access to that before.

    What is gone is told by the measure dropped_by_hand, and what a new object opens by the security lints.
    """
    found = compare(before, now)
    if sentence := upgraded(before, now):
        yield Row(UPGRADED, None, "", {"alert": False, "cause": sentence})
    changed: dict[tuple[str, Identity], list[str]] = {}
    new: dict[str, None] = {}
    known, left = ({_object_of(fact).described for fact in facts.facts} for facts in (before, now))
    for fact, each in [
        *((fact, Difference((fact,), (), ())) for fact in found.added if fact.kind in _WHOLE),
        *((fact, Difference((), (fact,), ())) for fact in found.removed if fact.kind in _WHOLE),
        *((pair[1], Difference((), (), (pair,))) for pair in found.changed),
    ]:
        thing = _object_of(fact)
        of_another = fact.kind in ("grant", *CALLED_ON)
        if each.added and ((of_another and thing.described not in known) or fact.kind in ROUTINES):
            new[thing.described] = None
        elif not (each.removed and of_another and thing.described not in left):
            said = describe(each)[0].removeprefix(f"changed {fact.kind} {fact.identity}: ")
            named = thing if fact.kind == "grant" else fact.identity
            changed.setdefault((named.kind, named), []).append(said)
    for (_, named), said_of in changed.items():
        cause = f"{'; '.join(said_of)}, by hand since deployment {deployment_id} ended"
        if resting := what_rests_on(named, now):
            cause += f"; what rests on it: {resting}"
        yield Row(named.described, len(said_of), "differences", {"cause": cause})
    if new:
        yield Row(MADE, len(new), "objects", {"alert": False, "cause": ", ".join(new)})


def _object_of(fact: Fact) -> Identity:
    """What a fact is about, one thing for all kinds: the table of its grants and policies as well."""
    about = fact.identity.of or fact.identity if fact.kind == "grant" else fact.identity
    return made("table", *about.relation.parts) if about.kind in ("column", *CALLED_ON) else about


def _kept(connection: Connection) -> tuple[int, Facts] | None:
    head = connection.execute(
        """select id, server_version, taken_at, deployment_id from deploy_ledger.snapshot
        where moment = 'deployed' and location = 'target' order by id desc limit 1"""
    ).fetchone()
    if head is None:
        return None
    rows = connection.execute(
        """select f.kind, f.identity, f.definition, f.scope
        from deploy_ledger.snapshot s
        join deploy_ledger.catalog_fact f on f.hash = any (s.fact_hashes)
        where s.id = %s and f.kind = any (%s)""",
        [head[0], [*_WHOLE, *_RELATIONS]],
    ).fetchall()
    return head[3], Facts(_deciding(as_read_today(unsealed(rows))), head[1], head[2])


def access_facts(connection: Connection) -> Facts:
    """What decides access now, of the database and the cluster. Reads only, in a transaction of its own.

    Raises ObjectDroppedError or one of DROPPED_MEANWHILE where the catalog changes meanwhile.
    """
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        bounded(connection)
        rows = read_kinds(cursor, FILES, IGNORED_SCHEMAS)
        relations = cursor.execute(engine_sql("monitor/access/relations")).fetchall()
    facts = [Fact(row.kind, Identity(row.kind, row.identity, row.parts), row.definition, row.scope) for row in rows]  # type: ignore[arg-type]
    facts += [Fact(kind, parsed(kind, identity), json.dumps(flags), "database") for kind, identity, flags in relations]
    return Facts(_deciding(facts), connection.info.server_version, datetime.now(timezone.utc))


def _deciding(facts: Iterable[Fact]) -> frozenset[Fact]:
    return frozenset(_reduced(fact) for fact in facts if fact.kind in _WHOLE or fact.kind in _RELATIONS)


def _reduced(fact: Fact) -> Fact:
    if fact.kind in _WHOLE:
        return fact
    kept: dict[str, object] = {name: value for name, value in fact.properties.items() if name in _FLAGS and value}
    options = [str(each) for each in fact.properties.get("options") or () if str(each).partition("=")[0] in _OPTIONS]
    if options:
        kept["options"] = sorted(options)
    return replace(fact, definition=json.dumps(kept, sort_keys=True, ensure_ascii=False))
