"""What decides access, and was changed by hand since the last deployment ended. The kinds are those that the access proof follows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import psycopg
from psycopg.rows import tuple_row

from pg_deploy.access.facts.what_rests_on import what_rests_on
from pg_deploy.catalog.diff import Difference, compare, describe
from pg_deploy.catalog.kept_facts import as_read_today
from pg_deploy.catalog.kinds import CALLED_ON, RELATIONS, ROUTINES
from pg_deploy.catalog.majors import upgraded
from pg_deploy.catalog.names import Identity, made, parsed
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, Fact, Facts
from pg_deploy.catalog.rows import DROPPED_MEANWHILE, ObjectDroppedError, read_kinds
from pg_deploy.ledger.others import reading_last_deployed
from pg_deploy.ledger.snapshot import unseal_facts
from pg_deploy.monitor.measures import Measured, Row, explain_error, set_deadlines
from pg_deploy.monitor.refreshing import deployment_is_open
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql, engine_text

MEASURE = "access_drift"
_KINDS_READ = (
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
MADE_BY_HAND = "made by hand"
SERVER_UPGRADED = "the server"
# Everything about these decides access.
_WHOLE = (*ROUTINES, *(name.replace("_", " ") for name in _KINDS_READ if name != "function"))
_RELATIONS = (*RELATIONS, "partitioned table")
# Only these properties of a relation decide access. A relation that comes or goes shows in its grants.
_FLAGS = ("owner", "row level security", "force row level security")
_OPTIONS = ("security_invoker", "security_barrier", "check_option")


def measure_access_drift(connection: Connection) -> Measured:
    """One row for each object whose access differs from what the last deployment left. Reads only."""
    if deployment_is_open(connection):
        return Measured(MEASURE, problem="not looked at while a deployment is under way")
    kept = _read_deployed_facts(connection)
    if kept is None:
        return Measured(MEASURE, problem="nothing was deployed here yet, so there is nothing to compare with")
    deployment_id, before = kept
    try:
        now = read_access_facts(connection)
    except (ObjectDroppedError, *DROPPED_MEANWHILE):
        return Measured(MEASURE, problem="the catalog was changed while it was read; the next run looks again")
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return explain_error(MEASURE, error)
    return Measured(MEASURE, tuple(_rows(before, now, deployment_id)))


def _rows(before: Facts, now: Facts, deployment_id: int) -> Iterator[Row]:
    """One row for each object whose access was changed, and one for all new objects, to which nobody had access before.

    The measure dropped_by_hand tells what is gone, and the security lints tell what a new object opens.
    """
    difference = compare(before, now)
    if sentence := upgraded(before, now):
        yield Row(SERVER_UPGRADED, None, "", {"alert": False, "cause": sentence})
    changed: dict[tuple[str, Identity], list[str]] = {}
    new: dict[str, None] = {}
    were_there, are_there = ({_object_of(fact).described for fact in facts.facts} for facts in (before, now))
    for fact, each in [
        *((fact, Difference((fact,), (), ())) for fact in difference.added if fact.kind in _WHOLE),
        *((fact, Difference((), (fact,), ())) for fact in difference.removed if fact.kind in _WHOLE),
        *((pair[1], Difference((), (), (pair,))) for pair in difference.changed),
    ]:
        thing = _object_of(fact)
        of_another = fact.kind in ("grant", *CALLED_ON)
        if each.added and ((of_another and thing.described not in were_there) or fact.kind in ROUTINES):
            new[thing.described] = None
        elif not (each.removed and of_another and thing.described not in are_there):
            said = describe(each)[0].removeprefix(f"changed {fact.kind} {fact.identity}: ")
            named = thing if fact.kind == "grant" else fact.identity
            changed.setdefault((named.kind, named), []).append(said)
    for (_, named), said_of in changed.items():
        cause = f"{'; '.join(said_of)}, by hand since deployment {deployment_id} ended"
        if resting := what_rests_on(named, now):
            cause += f"; what rests on it: {resting}"
        yield Row(named.described, len(said_of), "differences", {"cause": cause})
    if new:
        yield Row(MADE_BY_HAND, len(new), "objects", {"alert": False, "cause": ", ".join(new)})


def _object_of(fact: Fact) -> Identity:
    """The object that a fact is about. A grant on a table and its policies are about that table, as the table itself is."""
    about = fact.identity.of or fact.identity if fact.kind == "grant" else fact.identity
    return made("table", *about.relation.parts) if about.kind in ("column", *CALLED_ON) else about


def _read_deployed_facts(connection: Connection) -> tuple[int, Facts] | None:
    with reading_last_deployed(connection):
        return _read_kept_facts(connection)


def _read_kept_facts(connection: Connection) -> tuple[int, Facts] | None:
    head = connection.execute(
        engine_text("""select id, server_version, taken_at, deployment_id from deploy_ledger.snapshot
        where moment = 'deployed' and location = 'target' order by id desc limit 1""")
    ).fetchone()
    if head is None:
        return None
    rows = connection.execute(
        engine_text("""select f.kind, f.identity, f.definition, f.scope
        from deploy_ledger.snapshot s
        join deploy_ledger.catalog_fact f on f.hash = any (s.fact_hashes)
        where s.id = %s and f.kind = any (%s)"""),
        [head[0], [*_WHOLE, *_RELATIONS]],
    ).fetchall()
    return head[3], Facts(_deciding(as_read_today(unseal_facts(rows))), head[1], head[2])


def read_access_facts(connection: Connection) -> Facts:
    """The facts of the database and the cluster that decide access now. Reads only, in a transaction of its own.

    Raises ObjectDroppedError or one of DROPPED_MEANWHILE if the catalog changes meanwhile.
    """
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        set_deadlines(connection)
        rows = read_kinds(cursor, _KINDS_READ, IGNORED_SCHEMAS)
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
