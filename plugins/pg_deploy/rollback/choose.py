"""Which attempts a rollback run is about, from its conf and the ledger, and which cannot be undone by themselves."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.kinds import PROPERTIES
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import snapshot
from pg_deploy.ledger.attempt import UNDOABLE, Attempt, State
from pg_deploy.ledger.others import versions_of_others
from pg_deploy.migrations import history
from pg_deploy.migrations.names import order
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.rollback.errors import NeededByLaterError, NothingToUndoError, raise_together
from pg_deploy.rollback.generator.order import depends_on

_NOT_OBJECTS = PROPERTIES | {"role"}


def choose_attempts(connection: Connection, conf: RollbackConf, log: logging.Logger) -> tuple[Attempt, ...]:
    """The attempts to undo, the newest first. Raises NothingToUndoError, or PreflightError for several."""
    if conf.version is not None:
        return (_of_version(connection, conf.version.split("_", 1)[0]),)
    if conf.deployment is not None:
        return _of_deployment(connection, conf.deployment)
    return _down_to(connection, (conf.down_to or "").split("_", 1)[0], log)


def refuse_needed_by_later(connection: Connection, chosen: Sequence[Attempt]) -> None:
    """Raise NeededByLaterError if a later migration, which stays, builds on what would be undone, or changed it."""
    wanted = {attempt.version for attempt in chosen}
    staying = [
        attempt
        for attempt in attempts.latest_by_version(connection, history.read(connection)).values()
        if attempt.version not in wanted and attempt.state in UNDOABLE
    ]
    faults: list[PgDeployError] = []
    for current in chosen:
        later = {
            other.stem: objects
            for other in sorted(staying, key=lambda each: each.id)
            if other.id > current.id and (objects := _needs(connection, current, other))
        }
        if later:
            faults.append(
                NeededByLaterError(current.stem, list(later), [each for found in later.values() for each in found])
            )
    raise_together(faults)


def _of_version(connection: Connection, version: str) -> Attempt:
    found = attempts.latest(connection, version)
    if found is not None and found.state in UNDOABLE:
        return found
    raise _why_not(connection, version, found)


def _why_not(connection: Connection, version: str, found: Attempt | None) -> NothingToUndoError:
    by_hand = "undo it by hand or with a new migration"
    if found is not None and found.state == State.BASELINED:
        return NothingToUndoError(
            found.stem, "was adopted as it was, so the ledger has no snapshot and no rollback of it", by_hand
        )
    if found is not None and found.state == State.ROLLED_BACK:
        return NothingToUndoError(found.stem, "was rolled back already", "there is nothing to do")
    if ledger := versions_of_others(connection).get(version):
        return NothingToUndoError(
            version, f'belongs to the project whose ledger is "{ledger}"', "undo it with that project's rollback"
        )
    if version in history.read(connection):
        return NothingToUndoError(version, "was applied elsewhere, so the ledger has no rollback of it", by_hand)
    return NothingToUndoError(version, "is not deployed here", "name a version that is")


def _of_deployment(connection: Connection, wanted: str) -> tuple[Attempt, ...]:
    row = connection.execute(
        engine_text("""select max(d.id) from deploy_ledger.deployment d
        where (%(wanted)s = 'last' or d.id::text = %(wanted)s or d.airflow_run = %(wanted)s) and exists (
            select from deploy_ledger.attempt a where a.deployment_id = d.id and a.state = any (%(states)s)
        )"""),
        {"wanted": wanted, "states": [state.value for state in UNDOABLE]},
    ).fetchone()
    if row is None or row[0] is None:
        raise NothingToUndoError(
            wanted, "is no deployment of which anything is in place", 'give its number, its Airflow run id, or "last"'
        )
    mine = [
        each
        for each in attempts.of_deployment(connection, row[0])
        if each.deployment_id == row[0] and each.state in UNDOABLE
    ]
    newest = attempts.latest_by_version(connection, [each.version for each in mine])
    return tuple(sorted((each for each in mine if newest[each.version].id == each.id), key=lambda each: -each.id))


def _down_to(connection: Connection, keep: str, log: logging.Logger) -> tuple[Attempt, ...]:
    others = versions_of_others(connection)
    recorded = {version: row for version, row in history.read(connection).items() if version not in others}
    newest = {each.version: each for each in _every(connection)}
    everything = keep == "0"
    if not everything and keep not in recorded:
        raise NothingToUndoError(keep, "is not deployed here", 'name the version to keep, or "0" for none')
    above = sorted(
        (version for version in recorded.keys() | newest.keys() if everything or order(version) > order(keep)),
        key=order,
    )
    wanted, faults = [], []
    for version in above:
        found = newest.get(version)
        if found is not None and found.state in UNDOABLE:
            wanted.append(found)
        elif version in recorded:
            faults.append(_why_not(connection, version, found))
    if faults and not everything:
        raise_together(faults)
    for fault in faults:
        log.info("left as it is: %s", fault)
    if not wanted:
        raise NothingToUndoError(keep, "leaves nothing that the ledger could undo", "there is nothing to do")
    return tuple(sorted(wanted, key=lambda each: -each.id))


def _every(connection: Connection) -> tuple[Attempt, ...]:
    rows = connection.execute(engine_text("select distinct version from deploy_ledger.attempt")).fetchall()
    return tuple(attempts.latest_by_version(connection, [row[0] for row in rows]).values())


def _needs(connection: Connection, current: Attempt, later: Attempt) -> list[str]:
    """What of the later migration builds on the objects of the current one, in words."""
    mine, theirs = _both_sides(connection, current), _both_sides(connection, later)
    if mine is None or theirs is None:
        return []
    (before, after), (their_before, their_after) = mine, theirs
    made = [fact for fact in compare(before, after).added if fact.kind not in _NOT_OBJECTS]
    did = compare(their_before, their_after)
    found = []
    for fact in did.new_facts:
        if fact.kind in _NOT_OBJECTS:
            continue
        for other in made:
            if fact.key == other.key:
                found.append(f"{fact.kind} {fact.identity} was changed by it")
            elif depends_on(fact, other):
                found.append(f"{fact.kind} {fact.identity} needs {other.kind} {other.identity}")
    both = _changed_keys(before, after) & _changed_keys(their_before, their_after)
    found += [f"both changed {kind} {identity}" for kind, identity in sorted(both)]
    return list(dict.fromkeys(found))


def _both_sides(connection: Connection, attempt: Attempt) -> tuple[Facts, Facts] | None:
    before = snapshot.load(connection, attempt.id, "before")
    after = snapshot.load(connection, attempt.id, "after")
    return (before, after) if before is not None and after is not None else None


def _changed_keys(before: Facts, after: Facts) -> set[Key]:
    return {new.key for _, new in compare(before, after).changed}
