"""Undo: take back what was deployed, days later, with SQL and rollback as the ledger keeps them. No file is read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.deployment.job import Job
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins, schema, snapshot
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.approval import Answer, Answered
from pg_deploy.ledger.kinds.rollback import Mended, RollbackProof, RowsNotRestored, Undone, WouldBeLost
from pg_deploy.ledger.pins import Pinned
from pg_deploy.postgres.pooler import refuse_pooler_before
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight.claiming import Identity, claimed_target
from pg_deploy.preflight.drift import Drift, drift_lines, read_drift, record_drift
from pg_deploy.preflight.preflight import Prepared
from pg_deploy.presentation.lines import Line, marked, plain_lines
from pg_deploy.rollback.attempt_evidence import read_doing
from pg_deploy.rollback.beyond_the_database import find_left_alone
from pg_deploy.rollback.choose import choose_attempts, refuse_needed_by_later
from pg_deploy.rollback.errors import NothingToUndoError, NotUndoneError, UndoableDownToError, raise_together
from pg_deploy.rollback.generator.generate import generate_rollback
from pg_deploy.rollback.generator.row_changes import RowsWritten
from pg_deploy.rollback.goal import find_made, find_made_between, only_own, undo_goal
from pg_deploy.rollback.known_refusals import refuse_declared, refuse_without_way_back, require_sql
from pg_deploy.rollback.losses import Lost, count_losses, find_built_on, read_rows_written
from pg_deploy.rollback.policies_alone import read_policies, restore_policies
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.rollback.whole_set import read_made


@dataclass(frozen=True)
class Undoing:
    """One migration that a run is about to undo: with which text, and what that takes away."""

    attempt: Attempt
    pinned: Pinned
    losses: tuple[Lost, ...]
    changed_since: tuple[str, ...]
    needed_by: tuple[str, ...]
    remarks: tuple[str, ...]
    left: tuple[str, ...]
    """What it changed and its undo leaves so."""

    @property
    def lines(self) -> list[str]:
        """For log and approval."""
        p = self.pinned
        how = {"written": "its rollback.sql as deployed", "generated": "a generated rollback"}[p.rollback_source]
        if p.rollback_source == "generated" and not p.rollback_proven:
            how += ", unproven: it is committed only if it leads back"
        return [
            f"{p.stem}: {p.title} ({how})",
            *(f"  would be lost: {loss}" for loss in self.losses),
            *(f"  would be left: {each}" for each in self.left),
            *(f"  changed since by others: {line}" for line in self.changed_since),
            *(f"  depends on it: {line}" for line in self.needed_by),
            *(f"  {remark}" for remark in self.remarks),
        ]


def preflight(
    target: Target, conf: RollbackConf, identity: Identity, *, good_for: float, log: logging.Logger
) -> Prepared:
    """Say what would be undone and lost, refuse what cannot be undone, claim the target and pin the list.

    A dry run stops before the claim and writes nothing. Raises NothingToUndoError, NeededByLaterError, NoRollbackError
    (together as PreflightError), TargetBusyError, or the error of an unreachable target.
    """
    refuse_pooler_before(target, "rollback")
    with target.session("rollback preflight") as connection:
        connection.execute("set default_transaction_read_only = on")
        if not schema.exists(connection):
            raise NothingToUndoError(target.name, "has no ledger, so nothing was deployed to it by us", "check target")
        found = read_undoings(connection, conf, log)
        drift = read_drift(connection)
    _say(found, drift, log)
    if conf.dry_run:
        log.info("dry run: nothing was changed, nothing is pinned")
        return Prepared(None, 0)
    with claimed_target(
        target,
        identity,
        conf,
        folder="the ledger",
        purpose="rollback preflight",
        good_for=good_for,
        log=log,
    ) as (connection, held):
        # Another run may have worked while this one waited.
        found = read_undoings(connection, conf, log)
        pins.pin_undo(connection, held.id, [each.pinned for each in found])
        record_drift(connection, held.id, drift)
        _keep_shown(connection, held.id, found)
    log.info("deployment %d holds the target, %d migrations to undo", held.id, len(found))
    return Prepared(Ownership(held.id, held.fence, good_for), len(found))


def show_again(connection: Connection, deployment_id: int, conf: RollbackConf, log: logging.Logger) -> None:
    """Say anew what would be undone and lost, as the database may have changed since that was shown, and keep it.

    Raises NotUndoneError if that is no longer what this deployment pinned, and what `preflight` raises.
    """
    found = read_undoings(connection, conf, log)
    pinned = [(each.version, each.sql, each.rollback) for each in pins.pinned(connection, deployment_id)]
    if pinned != [(each.pinned.version, each.pinned.sql, each.pinned.rollback) for each in found]:
        raise NotUndoneError(["what there is to undo is no longer what was shown and pinned: trigger a new run"])
    _keep_shown(connection, deployment_id, found)


def _keep_shown(connection: Connection, deployment_id: int, found: Sequence[Undoing]) -> None:
    for each in found:
        shown = WouldBeLost(each.pinned.stem, tuple(each.lines))
        evidence.record(connection, deployment_id, Kind.WOULD_BE_LOST, shown, version=each.pinned.version)


def read_undoings(connection: Connection, conf: RollbackConf, log: logging.Logger) -> tuple[Undoing, ...]:
    """What this conf would undo, the newest first, each with its text and what it takes away. Reads only."""
    now = read_facts(connection)
    if conf.policies_from is not None:
        current, pinned = read_policies(connection, conf.policies_from, now)
        return (Undoing(current, pinned, (), (), (), ("policies and row level security only",), ()),)
    chosen = choose_attempts(connection, conf, log)
    refuse_needed_by_later(connection, chosen)
    found: list[Undoing] = []
    faults: list[PgDeployError] = []
    at_turn = now
    for number, current in enumerate(chosen):
        try:
            made_by_older = read_made(connection, chosen[number + 1 :])
            each, at_turn = _look_at(connection, current, at_turn, made_by_older)
            found.append(each)
        except PgDeployError as fault:
            faults.append(fault)
    if faults and len(chosen) > 1:
        # The newest that has no way back stays, and what was deployed before it with it.
        stays = next(each for each in chosen if each.version not in {one.attempt.version for one in found})
        faults.append(
            UndoableDownToError(stays.stem, stays.version, [each.stem for each in chosen if each.id > stays.id])
        )
    raise_together(faults)
    return tuple(found)


def undo(job: Job) -> int:
    """Undo everything that this run pinned, in its order, each proven; returns how many. Stops at the first failure."""
    wanted = pins.pinned(job.ledger, job.deployment_id)
    for number, pinned in enumerate(wanted, start=1):
        job.log.info("::group::%d of %d: undo %s", number, len(wanted), pinned.stem)
        if is_policies_only(job.ledger, job.deployment_id):
            restore_policies(job, pinned)
        else:
            current = attempts.latest(job.ledger, pinned.version)
            if current is not None and current.state == State.ROLLED_BACK:
                job.log.info("undone already")
            else:
                undone = roll_back(job, pinned.version)
                note = pins.manifest_of(job.ledger, undone.attempt.deployment_id, pinned.version).after_rollback
                if note:
                    job.log.info("after this rollback: %s", " ".join(note.split()))
        evidence.record(job.ledger, job.deployment_id, Kind.UNDONE, Undone(pinned.stem), version=pinned.version)
        job.log.info("::endgroup::")
    return len(wanted)


def report_lines(connection: Connection, deployment_id: int) -> tuple[list[Line], list[str]]:
    """The report of a rollback run, and one phrase for each version that is not undone. Reads only."""
    rows = evidence.of_deployment(connection, deployment_id)
    undone = {row.version for row in rows if row.kind == Kind.UNDONE}
    lines: list[Line] = []
    failures = []
    for pinned in pins.pinned(connection, deployment_id):
        current = attempts.latest(connection, pinned.version)
        mine = [row for row in rows if row.version == pinned.version]
        if pinned.version in undone:
            lines.append(marked("good", f"{pinned.stem}: undone"))
        else:
            state = current.state.replace("_", " ") if current else "unknown"
            rejected = any(row.kind == Kind.APPROVAL and row.outcome == Answer.REJECTED for row in mine)
            lines.append(marked("bad", f"{pinned.stem}: {'rejected' if rejected else f'not undone, {state}'}"))
            failures.append(f"{pinned.stem} {'was rejected' if rejected else f'is {state}'}")
            if current is not None and current.error and current.state == State.ROLLBACK_FAILED:
                lines += plain_lines(f"    {line}" for line in current.error.splitlines())
        for row in mine:
            if row.kind == Kind.ROLLBACK_PROOF:
                proof = RollbackProof.from_row(row)
                lines.append(Line(f"    proof: {proof.name}: {proof.outcome} ({proof.facts} catalog facts)"))
            elif row.kind == Kind.MENDED:
                lines += plain_lines(f"    mended: {line}" for line in Mended.from_row(row).differences)
            elif row.kind == Kind.ROWS_NOT_RESTORED:
                kept = RowsNotRestored.from_row(row)
                lines += plain_lines(f"    not as before: {line}" for line in kept.rows)
                lines.append(Line(f"    what was there before is in {kept.backup}"))
            elif row.kind == Kind.APPROVAL:
                answer = Answered.from_row(row)
                lines.append(Line(f"    approval: {answer.outcome} by {answer.by}"))
    return lines, failures


def is_policies_only(connection: Connection, deployment_id: int) -> bool:
    """Whether that run restores policies alone. Reads only."""
    held = deployment.by_id(connection, deployment_id)
    return held is not None and held.conf.get("policies_from") is not None


def refuse_unless_undone(failures: Sequence[str]) -> None:
    """Raise NotUndoneError naming what is not undone, if anything."""
    if failures:
        raise NotUndoneError(failures)


def _look_at(
    connection: Connection, current: Attempt, now: Facts, made_by_older: frozenset[Key]
) -> tuple[Undoing, Facts]:
    """What undoing it means if the catalog is as `now`, and what the catalog will be then."""
    pinned = pins.pinned_version(connection, current.deployment_id, current.version)
    before = snapshot.load(connection, current.id, "before")
    after = snapshot.load(connection, current.id, "after") or now
    if pinned is None or before is None:
        raise NothingToUndoError(
            current.stem, "has no text or no snapshot in the ledger", "undo it with a new migration"
        )
    doing = read_doing(connection, current, pinned, before, after)
    own, doubtful = doing.own(before, after), frozenset(doing.doubtful(before, after))
    others = describe(compare(only_own(before, after, own | doubtful), after))
    in_doubt = describe(compare(only_own(before, after, own), only_own(before, after, own | doubtful)))
    after = only_own(before, after, own)
    remarks: tuple[str, ...] = ()
    rows_written = read_rows_written(connection, current, before)
    if pinned.rollback is None:
        text, remarks = _generate(connection, pinned, (before, after), rows_written, made_by_older)
        pinned = replace(pinned, rollback=text, rollback_source="generated")
    goal = undo_goal(before, after, now, made_by_older=made_by_older)
    undoing = Undoing(
        current,
        pinned,
        count_losses(connection, before, after, now),
        (
            *goal.changed_since,
            *(f"{line}, while it was deployed" for line in others),
            *(f"{line}, while it was deployed, or by the migration: nothing tells which" for line in in_doubt),
        ),
        find_built_on(before, after, now),
        remarks,
        find_left_alone(pinned.sql, pinned.rollback, connection.info.dbname, rows_written),
    )
    # What is undone later counts as it was before this one changed it: nobody else did.
    after_it = {**goal.expected.by_key, **{key: before.by_key[key] for key in find_made(made_by_older, before.facts)}}
    return undoing, replace(goal.expected, facts=frozenset(after_it.values()))


def _generate(
    connection: Connection,
    pinned: Pinned,
    facts: tuple[Facts, Facts],
    rows_written: RowsWritten | None,
    made_by_older: frozenset[Key],
) -> tuple[str, tuple[str, ...]]:
    refuse_declared(connection, pinned)
    generate = partial(generate_rollback, *facts, migration_sql=pinned.sql, rows_written=rows_written)
    alone = generate()
    found = generate(find_undone_later=partial(find_made_between, made_by_older)) if made_by_older else alone
    if (found.sql, found.refusals) == (alone.sql, alone.refusals):
        # Nothing of the set makes a difference: it is what the rehearsal looked at.
        refuse_without_way_back(connection, pinned)
    return require_sql(found, pinned.stem), found.remarks


def _say(found: Sequence[Undoing], drift: Drift | None, log: logging.Logger) -> None:
    for line in drift_lines(drift):
        log.warning("%s", line)
    log.info("to be undone, in this order:")
    for each in found:
        for line in each.lines:
            log.info("  %s", line)
        log.info("::group::what undoes %s", each.pinned.stem)
        for line in (each.pinned.rollback or "").splitlines():
            log.info("%s", line)
        log.info("::endgroup::")
