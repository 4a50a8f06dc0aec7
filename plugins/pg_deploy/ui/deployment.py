"""One deployment or rollback for a reviewer: everything that the ledger knows about it, as values for a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from pg_deploy.backup.evidence import how_to_restore
from pg_deploy.configuration.dag_names import deploys, rolls_back
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.deployment import Deployment
from pg_deploy.ledger.deployment import State as DeploymentState
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.approval import Answer, Answered
from pg_deploy.ledger.kinds.backup import BackupKept, Restored
from pg_deploy.ledger.kinds.check import CheckOutcome, CheckResult
from pg_deploy.ledger.kinds.rehearsal import Rehearsal
from pg_deploy.ledger.kinds.report import Criterion, criteria_of
from pg_deploy.ledger.kinds.rollback import Mended, RollbackProof, RowsNotRestored, WouldBeLost
from pg_deploy.ledger.kinds.run import Adopted, Drifted, commit_of
from pg_deploy.ledger.kinds.verdict_tones import tone_of_access, tone_of_check
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.parsing.summary import shown_line
from pg_deploy.presentation.lines import Tone
from pg_deploy.reporting.endings import Ending
from pg_deploy.reporting.report import Outcome, Report
from pg_deploy.reporting.timeline import Step
from pg_deploy.ui.access_matrix import Matrix, make_matrix
from pg_deploy.ui.bars import Bars, make_bars
from pg_deploy.ui.statements import StatementLine, StatementTry, WorkingSession, make_statement_lines
from pg_deploy.ui.workload_section import WorkloadSection, make_workload_section

_Kept = TypeVar("_Kept")

_UNDER_WAY = {
    State.PLANNED: "being prepared",
    State.SNAPSHOTTED: "ready to be applied",
    State.APPLYING: "being applied",
    State.APPLIED: "applied, being verified",
    State.ROLLING_BACK: "being rolled back",
}


@dataclass(frozen=True)
class CheckAtPlace:
    """What one check found on the copy or on the target, with the rows that broke it."""

    name: str
    place: str
    outcome: CheckOutcome
    found: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    error: str | None
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether it found something."""
        return self.outcome == CheckOutcome.FAILED

    @property
    def failed_itself(self) -> bool:
        """Whether its SQL did not run."""
        return self.outcome == CheckOutcome.ERROR

    @property
    def was_left_out(self) -> bool:
        """Whether it needs a rehearsal."""
        return self.outcome == CheckOutcome.NOT_RUN


@dataclass(frozen=True)
class CheckLine:
    """One check with what it found at each place, the target first."""

    name: str
    places: tuple[CheckAtPlace, ...]

    @property
    def sentence(self) -> str:
        """The sentence that must hold, which is the name of the check's file."""
        return self.name.replace("_", " ")

    @property
    def tone(self) -> str:
        """bad if the check failed at any place, else good if it passed at any, else plain."""
        tones = {tone_of_check(check.outcome) for check in self.places}
        return "bad" if "bad" in tones else "good" if "good" in tones else "plain"


@dataclass(frozen=True)
class AccessProof:
    """The verdict of the access proof on the copy or on the target."""

    place: str
    verdict: str
    short: str
    tone: Tone
    against: tuple[str, ...]
    shown: tuple[str, ...]
    matrix: Matrix | None
    asked: str


@dataclass(frozen=True)
class Dated(Generic[_Kept]):
    """A piece of evidence, and when it was recorded."""

    piece: _Kept
    at: datetime


@dataclass(frozen=True)
class Remark:
    """Other evidence: what it is, and what it says, with a word before some of it."""

    kind: str
    name: str
    outcome: str
    notes: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class MigrationView:
    """One pinned migration with all its evidence."""

    pinned: Pinned
    manifest: Manifest
    attempt: Attempt | None
    state: str
    tone: str
    seconds: float | None
    after_rollback: str
    approvals: tuple[Dated[Answered], ...]
    statements: tuple[StatementLine, ...]
    undone_by: tuple[StatementLine, ...]
    checks: tuple[CheckLine, ...]
    bars: tuple[Bars, ...]
    access: tuple[AccessProof, ...]
    workload: tuple[WorkloadSection, ...]
    rehearsal: Dated[Rehearsal] | None
    proofs: tuple[Dated[RollbackProof], ...]
    other: tuple[Remark, ...]
    unprotected: str

    @property
    def passed_checks(self) -> int:
        """How many of the checks hold."""
        return sum(line.tone == "good" for line in self.checks)

    @property
    def run_checks(self) -> int:
        """How many of the checks were run."""
        return sum(line.tone != "plain" for line in self.checks)

    @property
    def sql(self) -> str:
        """The SQL as it was deployed. Strings are masked in lines that may hold a secret."""
        return _shown(self.pinned.sql, f"{self.pinned.stem}.sql")

    @property
    def rollback(self) -> str | None:
        """The SQL that undoes it, masked in the same way, or None if nothing does."""
        return (
            None if self.pinned.rollback is None else _shown(self.pinned.rollback, f"{self.pinned.stem}/rollback.sql")
        )


_MOST_SHOWN = 200_000
"""So many characters of a text are shown on a page."""


@dataclass(frozen=True)
class DeploymentView:
    """The whole page, as far as the ledger knows it."""

    deployment: Deployment
    is_undo: bool
    commit: str
    migrations: tuple[MigrationView, ...]
    criteria: tuple[Criterion, ...]
    steps: tuple[Step, ...]
    working: tuple[WorkingSession, ...]
    backup: BackupKept | None
    restored: Restored | None
    rehearsed: str
    drift: Drifted | None
    undone_earlier: tuple[str, ...]
    to_restore: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether the deployment still holds the target."""
        return self.deployment.ended_at is None


def make_view(
    deployment: Deployment, report: Report, tries: Sequence[StatementTry], working: Sequence[WorkingSession]
) -> DeploymentView:
    """The page of a deployment, made of what was read about it. Pure."""
    is_undo = rolls_back(deployment.dag_id)
    rows = report.evidence
    return DeploymentView(
        deployment=deployment,
        is_undo=is_undo,
        commit=commit_of(rows),
        migrations=tuple(_migration(outcome, rows, tries, deployment, is_undo=is_undo) for outcome in report.outcomes),
        criteria=_criteria(deployment, report),
        steps=report.steps,
        working=tuple(working),
        backup=BackupKept.from_row(backup) if (backup := _last(rows, Kind.BACKUP)) else None,
        restored=Restored.from_row(restored) if (restored := _last(rows, Kind.BACKUP_RESTORED)) else None,
        rehearsed=whole.name if (whole := _last(rows, Kind.REHEARSAL_AS_A_WHOLE)) else "",
        drift=Drifted.from_row(drift) if (drift := _last(rows, Kind.DRIFT)) else None,
        undone_earlier=tuple(row.name for row in rows if row.kind == Kind.UNDONE_EARLIER),
        to_restore=tuple(how_to_restore(rows)) if _may_miss_data(deployment, report) else (),
    )


def _may_miss_data(deployment: Deployment, report: Report) -> bool:
    """Whether the deployment changed the target and did not end well. If nothing was begun, no data has to come back."""
    was_begun = any(outcome.attempt is not None for outcome in report.outcomes)
    return (
        was_begun
        and deployment.state in (DeploymentState.FAILED, DeploymentState.ROLLED_BACK)
        and not rolls_back(deployment.dag_id)
    )


def _shown(sql: str, file: str) -> str:
    """The beginning of a text, masked. A long one ends with where the rest is: a page of fifty megabytes helps nobody."""
    if len(sql) <= _MOST_SHOWN:
        return masked(sql)
    rest = f"{len(sql) - _MOST_SHOWN:,} more characters are not shown here"
    return f"{masked(sql[:_MOST_SHOWN])}\n\n-- {rest}: see {file}, or the table planned_migration of the ledger"


def masked(sql: str) -> str:
    """SQL for a page. Strings are masked in a line if it, or its statement up to it, may hold a secret. Pure."""
    lines: list[str] = []
    context = ""
    for line in sql.splitlines():
        lines.append(shown_line(line, context=context))
        context = "" if line.rstrip().endswith(";") else f"{context}{line}\n"[-2000:]
    return "\n".join(lines)


def _last(rows: Sequence[Evidence], kind: Kind) -> Evidence | None:
    of_kind = [row for row in rows if row.kind == kind]
    return of_kind[-1] if of_kind else None


def _migration(
    outcome: Outcome, rows: Sequence[Evidence], tries: Sequence[StatementTry], deployment: Deployment, *, is_undo: bool
) -> MigrationView:
    version = outcome.pinned.version
    mine = [row for row in rows if row.version == version]
    on_target = mine if is_undo else _merged(outcome.evidence, mine)
    rehearsals = [Dated(Rehearsal.from_row(row), row.recorded_at) for row in mine if row.kind == Kind.REHEARSAL]
    state, tone = _state(outcome, mine, deployment, is_undo=is_undo)
    on_both = [*outcome.rehearsal, *(row for row in on_target if not row.is_of_copy)]
    return MigrationView(
        pinned=outcome.pinned,
        manifest=outcome.manifest,
        attempt=outcome.attempt,
        state=state,
        tone=tone,
        seconds=None
        if is_undo or (outcome.attempt and _ended_later(outcome.attempt, deployment))
        else _seconds(outcome.attempt),
        after_rollback=_one_line(outcome.manifest.after_rollback) if state == Ending.ROLLED_BACK else "",
        approvals=tuple(Dated(Answered.from_row(row), row.recorded_at) for row in mine if row.kind == Kind.APPROVAL),
        statements=()
        if is_undo
        else make_statement_lines(tries, version, ("apply",), rehearsals[-1].piece if rehearsals else None),
        undone_by=make_statement_lines(tries, version, ("rollback", "mend"), None),
        checks=_checks(_newest(on_both, Kind.CHECK, Kind.CHECK_AT_BASELINE)),
        bars=make_bars(on_both, outcome.manifest),
        access=tuple(_access(row) for row in _newest(on_both, Kind.ACCESS)),
        workload=tuple(make_workload_section(row) for row in _newest(on_both, Kind.WORKLOAD_PROOF)),
        rehearsal=rehearsals[-1] if rehearsals else None,
        proofs=tuple(
            Dated(RollbackProof.from_row(row), row.recorded_at) for row in on_target if row.kind == Kind.ROLLBACK_PROOF
        ),
        other=tuple(remark for row in on_target if (remark := _remark(row)) is not None),
        unprotected=""
        if outcome.pinned.rollback is not None
        else f"it cannot be undone: {outcome.manifest.rollback_reason}"
        if outcome.manifest.rollback == "none"
        else "nothing undoes it: no rollback.sql, and none was generated and proven",
    )


def _merged(one: Sequence[Evidence], other: Sequence[Evidence]) -> list[Evidence]:
    """The rows of both, each once and the oldest first: an attempt that was resumed has evidence from two deployments."""
    return sorted({row.id: row for row in (*one, *other)}.values(), key=lambda row: row.id)


def _newest(rows: Sequence[Evidence], *kinds: Kind) -> list[Evidence]:
    """The newest row of each name and place, because an attempt may have been verified twice."""
    return sorted({(row.location, row.name): row for row in rows if row.kind in kinds}.values(), key=lambda row: row.id)


def _state(outcome: Outcome, mine: Sequence[Evidence], deployment: Deployment, *, is_undo: bool) -> tuple[str, str]:
    attempt, is_open = outcome.attempt, deployment.ended_at is None
    if is_undo:
        if any(row.kind == Kind.UNDONE for row in mine):
            return "undone", "good"
        if any(row.kind == Kind.APPROVAL and row.outcome == Answer.REJECTED for row in mine):
            return "rejected, not undone", "bad"
        if attempt is not None and attempt.state in (State.ROLLBACK_FAILED, State.ROLLING_BACK) and not is_open:
            return "rollback failed", "bad"
        return ("to be undone", "wait") if is_open else ("not undone", "bad")
    if outcome.is_deployed:
        return "deployed", "good"
    if attempt is not None and attempt.state == State.BASELINED:
        return "adopted as it was", "good"
    if attempt is not None and attempt.state == State.ROLLED_BACK and _ended_later(attempt, deployment):
        return "deployed then, undone since", "wait"
    if is_open and attempt is not None and attempt.state in _UNDER_WAY:
        return _UNDER_WAY[attempt.state], "wait"
    if is_open and outcome.state == Ending.NOT_REACHED:
        return "not yet", "plain"
    return outcome.state, "plain" if outcome.state == Ending.NOT_REACHED else "bad"


def _ended_later(attempt: Attempt, deployment: Deployment) -> bool:
    """Whether the attempt ended after the deployment had ended."""
    return attempt.ended_at is not None and deployment.ended_at is not None and attempt.ended_at > deployment.ended_at


def _criteria(deployment: Deployment, report: Report) -> tuple[Criterion, ...]:
    """The success criteria as they were judged at the end of the run, or as they stand now if it goes on."""
    if not deploys(deployment.dag_id):
        return ()
    kept = _last(report.evidence, Kind.REPORT)
    return (criteria_of(kept) if kept else ()) or report.criteria


def _seconds(attempt: Attempt | None) -> float | None:
    if attempt is None:
        return None
    ended = attempt.ended_at or attempt.verified_at or attempt.applied_at
    return (ended - attempt.started_at).total_seconds() if ended else None


def _checks(rows: Sequence[Evidence]) -> tuple[CheckLine, ...]:
    by_name: dict[str, list[CheckAtPlace]] = {}
    for row in sorted(rows, key=lambda row: row.is_of_copy):
        by_name.setdefault(row.name, []).append(_check(row))
    return tuple(CheckLine(name, tuple(places)) for name, places in by_name.items())


def _check(row: Evidence) -> CheckAtPlace:
    found = CheckResult.from_row(row)
    return CheckAtPlace(
        name=found.name,
        place=row.place,
        outcome=found.outcome,
        found=found.found,
        columns=found.columns,
        rows=found.rows,
        error=found.error,
        seconds=found.seconds,
    )


def _access(row: Evidence) -> AccessProof:
    found = AccessFound.from_row(row)
    return AccessProof(
        place=row.place,
        verdict=found.words,
        short=found.short,
        tone=tone_of_access(found),
        against=found.against,
        shown=found.shown,
        matrix=make_matrix(found),
        asked=f"asked as {found.asked} of {found.subjects} users and roles" if found.cells else "",
    )


def _remark(row: Evidence) -> Remark | None:
    """What stands under "Also seen", of the kinds that have no place of their own."""
    remark = Remark(row.kind, row.name, row.outcome)
    match row.kind:
        case Kind.LINT:
            return remark
        case Kind.MENDED:
            return replace(remark, lines=Mended.from_row(row).differences)
        case Kind.ROWS_NOT_RESTORED:
            kept = RowsNotRestored.from_row(row)
            return replace(remark, notes=(("backup", kept.backup),), lines=kept.rows)
        case Kind.WOULD_BE_LOST:
            return replace(remark, lines=WouldBeLost.from_row(row).lines)
        case Kind.BASELINE:
            adopted = Adopted.from_row(row)
            return replace(remark, notes=(("reason", adopted.reason), ("by", adopted.by)))
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
