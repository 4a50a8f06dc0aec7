"""One deployment or rollback for a reviewer: everything that the ledger knows about it, as values for a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pg_deploy.backup.evidence import BACKUP, REHEARSED, RESTORED, how_to_restore
from pg_deploy.deployment.access_judgement import ACCESS
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.deployment import Deployment
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.parsing.summary import shown_line
from pg_deploy.presentation.marks import Tone, of_access, of_check
from pg_deploy.rehearsal.rehearsal_text import REHEARSAL
from pg_deploy.reporting.criteria import Criterion
from pg_deploy.reporting.report import NOT_REACHED, Outcome, Report
from pg_deploy.reporting.timeline import Step
from pg_deploy.ui.access_matrix import Matrix, make_matrix
from pg_deploy.ui.bars import Bars, bars_of
from pg_deploy.ui.statements import StatementLine, StatementTry, WorkingSession, lines_of

DEPLOY_DAG, ROLLBACK_DAG = "deploy_migrations", "rollback_migrations"
_UNDER_WAY = {
    "planned": "being prepared",
    "snapshotted": "ready to be applied",
    "applying": "being applied",
    "applied": "applied, being verified",
    "rolling_back": "being rolled back",
}


@dataclass(frozen=True)
class CheckAtPlace:
    """What one check found on the copy or on the target, with the rows that broke it."""

    name: str
    place: str
    outcome: str
    found: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    error: str | None
    seconds: float | None


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
        tones = {of_check(check.outcome) for check in self.places}
        return "bad" if "bad" in tones else "good" if "good" in tones else "plain"


@dataclass(frozen=True)
class AccessProof:
    """The verdict of the access proof on the copy or on the target."""

    place: str
    verdict: str
    tone: Tone
    against: tuple[str, ...]
    shown: tuple[str, ...]
    matrix: Matrix | None
    asked: str


@dataclass(frozen=True)
class MigrationView:
    """One pinned migration with all its evidence."""

    pinned: Pinned
    manifest: Manifest
    attempt: Attempt | None
    state: str
    tone: str
    seconds: float | None
    approvals: tuple[Evidence, ...]
    statements: tuple[StatementLine, ...]
    undone_by: tuple[StatementLine, ...]
    checks: tuple[CheckLine, ...]
    bars: tuple[Bars, ...]
    access: tuple[AccessProof, ...]
    rehearsal: Evidence | None
    proofs: tuple[Evidence, ...]
    other: tuple[Evidence, ...]
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
    migrations: tuple[MigrationView, ...]
    criteria: tuple[Criterion, ...]
    steps: tuple[Step, ...]
    working: tuple[WorkingSession, ...]
    backup: Evidence | None
    restored: Evidence | None
    rehearsed: Evidence | None
    drift: Evidence | None
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
    is_undo = deployment.dag_id == ROLLBACK_DAG
    rows = report.evidence
    return DeploymentView(
        deployment=deployment,
        is_undo=is_undo,
        migrations=tuple(_migration(outcome, rows, tries, deployment, is_undo=is_undo) for outcome in report.outcomes),
        criteria=_criteria(deployment, report),
        steps=report.steps,
        working=tuple(working),
        backup=_last(rows, BACKUP),
        restored=_last(rows, RESTORED),
        rehearsed=_last(rows, REHEARSED),
        drift=_last(rows, "drift"),
        undone_earlier=tuple(row.name for row in rows if row.kind == "undone earlier"),
        to_restore=tuple(how_to_restore(rows)) if _may_miss_data(deployment, report) else (),
    )


def _may_miss_data(deployment: Deployment, report: Report) -> bool:
    """Whether the deployment changed the target and did not end well. If nothing was begun, no data has to come back."""
    was_begun = any(outcome.attempt is not None for outcome in report.outcomes)
    return was_begun and deployment.state in ("failed", "rolled_back") and deployment.dag_id != ROLLBACK_DAG


def _shown(sql: str, file: str) -> str:
    """The beginning of a text, masked. A long one ends with where the rest is: a page of fifty megabytes helps nobody."""
    if len(sql) <= _MOST_SHOWN:
        return masked(sql)
    rest = f"{len(sql) - _MOST_SHOWN:,} more characters are not shown here"
    return f"{masked(sql[:_MOST_SHOWN])}\n\n-- {rest}: see {file}, or deploy_ledger.planned_migration"


def masked(sql: str) -> str:
    """SQL for a page. Strings are masked in a line if it, or its statement up to it, may hold a secret. Pure."""
    lines: list[str] = []
    context = ""
    for line in sql.splitlines():
        lines.append(shown_line(line, context=context))
        context = "" if line.rstrip().endswith(";") else f"{context}\n{line}"[-2000:]
    return "\n".join(lines)


def _last(rows: Sequence[Evidence], kind: str) -> Evidence | None:
    of_kind = [row for row in rows if row.kind == kind]
    return of_kind[-1] if of_kind else None


def _migration(
    outcome: Outcome, rows: Sequence[Evidence], tries: Sequence[StatementTry], deployment: Deployment, *, is_undo: bool
) -> MigrationView:
    version = outcome.pinned.version
    mine = [row for row in rows if row.version == version]
    target = mine if is_undo else _merged(outcome.evidence, mine)
    rehearsals = [row for row in mine if row.kind == REHEARSAL]
    state, tone = _state(outcome, mine, deployment, is_undo=is_undo)
    both = [*outcome.rehearsal, *(row for row in target if row.location == "target")]
    return MigrationView(
        pinned=outcome.pinned,
        manifest=outcome.manifest,
        attempt=outcome.attempt,
        state=state,
        tone=tone,
        seconds=None
        if is_undo or (outcome.attempt and _ended_later(outcome.attempt, deployment))
        else _seconds(outcome.attempt),
        approvals=tuple(row for row in mine if row.kind == "approval"),
        statements=() if is_undo else lines_of(tries, version, ("apply",), rehearsals[-1] if rehearsals else None),
        undone_by=lines_of(tries, version, ("rollback", "mend"), None),
        checks=_checks(_newest(both, ("check", "check at baseline"))),
        bars=bars_of(both, outcome.manifest),
        access=tuple(_access(row) for row in _newest(both, (ACCESS,))),
        rehearsal=rehearsals[-1] if rehearsals else None,
        proofs=tuple(row for row in target if row.kind == "rollback proof"),
        other=tuple(
            row for row in target if row.kind in ("lint", "mended", "rows not restored", "would be lost", "baseline")
        ),
        unprotected=""
        if outcome.pinned.rollback is not None
        else f"it cannot be undone: {outcome.manifest.rollback_reason}"
        if outcome.manifest.rollback == "none"
        else "nothing undoes it: no rollback.sql, and none was generated and proven",
    )


def _merged(one: Sequence[Evidence], other: Sequence[Evidence]) -> list[Evidence]:
    """The rows of both, each once and the oldest first: an attempt that was resumed has evidence from two deployments."""
    return sorted({row.id: row for row in (*one, *other)}.values(), key=lambda row: row.id)


def _newest(rows: Sequence[Evidence], kinds: Sequence[str]) -> list[Evidence]:
    """The newest row of each name and place, because an attempt may have been verified twice."""
    return sorted({(row.location, row.name): row for row in rows if row.kind in kinds}.values(), key=lambda row: row.id)


def _state(outcome: Outcome, mine: Sequence[Evidence], deployment: Deployment, *, is_undo: bool) -> tuple[str, str]:
    attempt, is_open = outcome.attempt, deployment.ended_at is None
    if is_undo:
        if any(row.kind == "undone" for row in mine):
            return "undone", "good"
        if any(row.kind == "approval" and row.outcome == "rejected" for row in mine):
            return "rejected, not undone", "bad"
        if attempt is not None and attempt.state in ("rollback_failed", "rolling_back") and not is_open:
            return "rollback failed", "bad"
        return ("to be undone", "wait") if is_open else ("not undone", "bad")
    if outcome.is_deployed:
        return "deployed", "good"
    if attempt is not None and attempt.state == "baselined":
        return "adopted as it was", "good"
    if attempt is not None and attempt.state == "rolled_back" and _ended_later(attempt, deployment):
        return "deployed then, undone since", "wait"
    if is_open and attempt is not None and attempt.state in _UNDER_WAY:
        return _UNDER_WAY[attempt.state], "wait"
    if is_open and outcome.state == NOT_REACHED:
        return "not yet", "plain"
    return outcome.state, "plain" if outcome.state == NOT_REACHED else "bad"


def _ended_later(attempt: Attempt, deployment: Deployment) -> bool:
    """Whether the attempt ended after the deployment had ended."""
    return attempt.ended_at is not None and deployment.ended_at is not None and attempt.ended_at > deployment.ended_at


def _criteria(deployment: Deployment, report: Report) -> tuple[Criterion, ...]:
    """The success criteria as they were judged at the end of the run, or as they stand now if it goes on."""
    if deployment.dag_id != DEPLOY_DAG:
        return ()
    kept = _last(report.evidence, "report")
    judged = kept.detail.get("criteria") if kept else None
    return tuple(Criterion(**each) for each in judged) if judged else report.criteria


def _seconds(attempt: Attempt | None) -> float | None:
    if attempt is None:
        return None
    ended = attempt.ended_at or attempt.verified_at or attempt.applied_at
    return (ended - attempt.started_at).total_seconds() if ended else None


def _checks(rows: Sequence[Evidence]) -> tuple[CheckLine, ...]:
    by_name: dict[str, list[CheckAtPlace]] = {}
    for row in sorted(rows, key=lambda row: row.location != "target"):
        by_name.setdefault(row.name, []).append(_check(row))
    return tuple(CheckLine(name, tuple(places)) for name, places in by_name.items())


def _check(row: Evidence) -> CheckAtPlace:
    detail: Mapping[str, Any] = row.detail
    return CheckAtPlace(
        name=row.name,
        place="on the copy" if row.location == "rehearsal" else "on the target",
        outcome=row.outcome,
        found=int(detail.get("found") or 0),
        columns=tuple(map(str, detail.get("columns") or ())),
        rows=tuple(tuple(map(str, each)) for each in detail.get("rows") or ()),
        error=detail.get("error"),
        seconds=detail.get("seconds"),
    )


def _access(row: Evidence) -> AccessProof:
    detail: Mapping[str, Any] = row.detail
    asked, subjects = detail.get("asked") or 0, detail.get("subjects") or 0
    return AccessProof(
        place="on the copy" if row.location == "rehearsal" else "on the target",
        verdict=str(detail.get("verdict") or row.outcome),
        tone=of_access(detail, row.outcome),
        against=tuple(map(str, detail.get("against") or ())),
        shown=tuple(map(str, detail.get("shown") or ())),
        matrix=make_matrix(detail),
        asked=f"asked as {asked} of {subjects} users and roles" if detail.get("cells") else "",
    )
