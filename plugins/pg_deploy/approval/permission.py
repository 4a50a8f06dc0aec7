"""What the ledger must hold before a migration is begun: a backup, and a rehearsal and an approval of exactly its bundle.

The state of a task in Airflow is a person's to set, and XComs can be gone. So whoever changes the target asks the ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.approval.errors import NotPermittedError
from pg_deploy.approval.lend_target import is_prepared
from pg_deploy.approval.risk import ASKED, raised_risk, risk_in_force
from pg_deploy.configuration.conf import Approval
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.approval import Answered
from pg_deploy.ledger.kinds.backup import BackupKept
from pg_deploy.ledger.kinds.rehearsal import Rehearsal, RehearsalOutcome
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.brief_text import brief
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.lock_lint import lock_lint_lines
from pg_deploy.preflight.migration_standings import Standing, read_state
from pg_deploy.preflight.readers_elsewhere import elsewhere_findings


@dataclass(frozen=True)
class Demands:
    """What a run's conf and its connection ask for, as both say it now. `lock_budget` in seconds."""

    backup: str
    rehearse: bool
    approval: Approval
    four_eyes: bool
    actor: str
    lock_budget: float = 2.0


@dataclass(frozen=True)
class Judged:
    """How risky a migration is, whether a person must be asked about it, why, and what the lock lint says."""

    risk: str
    must_ask: bool
    reasons: tuple[str, ...]
    lock_lint: tuple[str, ...]


def judge(
    migration: Migration,
    pinned: Pinned,
    rows: Sequence[Evidence],
    demands: Demands,
    lint: tuple[Sequence[str], str],
) -> Judged:
    """The risk in force and whether the policy asks about it. Pure.

    `rows` is the deployment's evidence, or what it has of this migration; `lint` what the lock lint shows of the text, and
    why a person has to look.
    """
    lines, lock_reason = lint
    rehearsed = _rehearsal(rows, migration.version)
    if rehearsed is not None and rehearsed.outcome == RehearsalOutcome.NOT_REHEARSED:
        # It saw nothing. That is no word that the migration writes nothing.
        rehearsed = None
    reasons = raised_risk(
        migration,
        rehearsed,
        lock_budget=demands.lock_budget,
        lock_reason=lock_reason,
    )
    risk = risk_in_force(pinned.risk, reasons)
    must_ask = demands.approval == "all" or (demands.approval == "risky" and risk in ASKED)
    return Judged(risk, must_ask, reasons, tuple(lines))


def judge_all(
    connection: Connection, deployment_id: int, wanted: Sequence[tuple[Pinned, Migration]], demands: Demands
) -> list[Judged]:
    """Each as it has to be judged now, by its text, its rehearsal, and who reads its tables elsewhere. Reads only."""
    if demands.approval == "none":
        return [Judged(pinned.risk, False, (), ()) for pinned, _ in wanted]
    migrations = [migration for _, migration in wanted]
    elsewhere = elsewhere_findings(connection, migrations)
    lints = lock_lint_lines(
        [brief(migration.file.sql).text for migration in migrations],
        server_version=connection.info.server_version,
        also=[elsewhere[migration.version] for migration in migrations],
    )
    return [
        judge(migration, pinned, evidence.of_version(connection, deployment_id, pinned.version), demands, lint)
        for (pinned, migration), lint in zip(wanted, lints, strict=True)
    ]


def refuse_unless_permitted(connection: Connection, deployment_id: int, migration: Migration, demands: Demands) -> None:
    """Raise NotPermittedError unless the ledger holds what `demands` asks for. Reads only."""
    pinned = pins.pinned_version(connection, deployment_id, migration.version)
    if pinned is None:
        raise NotPermittedError(migration.stem, ["it is not among what this run pinned"])
    rows = evidence.of_version(connection, deployment_id, migration.version)
    lacking = _not_in_place(connection, deployment_id, pinned)
    if not is_prepared(connection, deployment_id):
        lacking.append(
            "the database changed while an approval was waited for, and backup and rehearsal were not made anew: "
            "clear the task that asked"
        )
    lacking += _untried(connection, deployment_id, pinned, rows, demands)
    if demands.approval != "none":
        (lint,) = lock_lint_lines([brief(migration.file.sql).text], server_version=connection.info.server_version)
        judged = judge(migration, pinned, rows, demands, lint)
        lacking += not_approved(rows, pinned, demands) if judged.must_ask else []
    if lacking:
        raise NotPermittedError(migration.stem, lacking)


def refuse_unless_tried(connection: Connection, deployment_id: int, version: str, demands: Demands) -> None:
    """Raise NotPermittedError unless the ledger holds the backup and the rehearsal that `demands` asks for. Reads only.

    A person need not be asked about what lacks them.
    """
    pinned = pins.pinned_version(connection, deployment_id, version)
    if pinned is None:
        return
    rows = evidence.of_version(connection, deployment_id, version)
    lacking = _untried(connection, deployment_id, pinned, rows, demands)
    if lacking:
        raise NotPermittedError(pinned.stem, lacking)


def undo_hash(pinned: Pinned) -> str:
    """What an approval of undoing is given for: the SQL that will run, as it is pinned. Pure."""
    return hashlib.sha256(f"undo {pinned.bundle_hash} {pinned.rollback}".encode()).hexdigest()


def not_approved(rows: Sequence[Evidence], pinned: Pinned, demands: Demands, *, wanted: str | None = None) -> list[str]:
    """What is wrong with the newest answer about the bundle, or about the hash `wanted`; empty if it is a yes that counts. Pure."""
    answers = [row for row in rows if row.kind == Kind.APPROVAL and row.version == pinned.version]
    if not answers:
        return [f"its approval is demanded (approval is {demands.approval}), and nobody has given it"]
    last = Answered.from_row(answers[-1])
    if not last.is_given:
        return [f"its approval is demanded, and the answer was: {last.outcome}"]
    if last.bundle_hash != (wanted or pinned.bundle_hash):
        return ["its approval was given for another text"]
    if demands.four_eyes and not is_somebody_else(last, demands.actor):
        return [f"four_eyes asks for an approval by somebody else than {demands.actor}"]
    return []


def is_somebody_else(answered: Answered, actor: str) -> bool:
    """Whether it is known that who answered is not who triggered; what is not known does not count. Pure."""
    names = {str(each).casefold() for each in (answered.by_id, answered.by) if each}
    return bool(names) and actor not in ("", "unknown") and actor.casefold() not in names


def is_one_of(answered: Answered, approvers: Sequence[str]) -> bool:
    """Whether who answered is among those whose approval counts; if nobody is named, everybody is. Pure."""
    names = {str(each).casefold() for each in (answered.by_id, answered.by) if each}
    return not approvers or not names.isdisjoint(name.casefold() for name in approvers)


def _rehearsal(rows: Sequence[Evidence], version: str) -> Rehearsal | None:
    found = [row for row in rows if row.kind == Kind.REHEARSAL and row.version == version and row.is_of_copy]
    return Rehearsal.from_row(found[-1]) if found else None


def _untried(
    connection: Connection, deployment_id: int, pinned: Pinned, rows: Sequence[Evidence], demands: Demands
) -> list[str]:
    lacking = _not_backed_up(connection, deployment_id, demands)
    return [*lacking, *(_not_rehearsed(connection, pinned, rows) if demands.rehearse else [])]


def _not_backed_up(connection: Connection, deployment_id: int, demands: Demands) -> list[str]:
    if demands.backup == "none":
        return []
    rows = evidence.of_deployment(connection, deployment_id, Kind.BACKUP)
    if rows and BackupKept.from_row(rows[-1]).kind == demands.backup:
        return []
    return [f"its backup is demanded (backup is {demands.backup}), and this run has none of that kind"]


def _not_rehearsed(connection: Connection, pinned: Pinned, rows: Sequence[Evidence]) -> list[str]:
    """What is wrong with its newest rehearsal; empty if exactly this bundle passed it. Reads only.

    What an earlier run left unfinished cannot be rehearsed, and may go on.
    """
    found = _rehearsal(rows, pinned.version)
    if found is None:
        return ["its rehearsal is demanded, and none has ended"]
    if found.outcome == RehearsalOutcome.FAILED:
        first, *_ = [*(found.error or "").splitlines(), ""]
        return [f"its rehearsal failed {first[:200]}".rstrip(" :")]
    if found.bundle_hash != pinned.bundle_hash:
        return ["another text than this was rehearsed"]
    if found.outcome == RehearsalOutcome.NOT_REHEARSED:
        standing = read_state(connection, [pinned.version]).standing(pinned.version)
        reason = "".join(found.not_rehearsed[-1:])
        said = f"it was not rehearsed, as {reason}: a new run rehearses it once nothing is left unfinished"
        return [] if standing is Standing.UNFINISHED else [said]
    return []


def _not_in_place(connection: Connection, deployment_id: int, pinned: Pinned) -> list[str]:
    """Those before it in the same run, which it may build on: passed in Airflow is not deployed."""
    before = [each for each in pins.pinned(connection, deployment_id) if each.position < pinned.position]
    state = read_state(connection, [each.version for each in before])
    missing = [each.stem for each in before if not state.standing(each.version).is_in_place]
    return [f'"{missing[0]}", which this run pinned before it, is not deployed'] if missing else []
