"""The report of a deployment: judged by the pinned set, not by the tasks, and written for the engineer on call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pg_deploy.backup.evidence import how_to_restore
from pg_deploy.configuration.duration import format_duration
from pg_deploy.deployment.access_judgement import ACCESS, shortened
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations import history
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.plan_text import PASSED_OVER, passed_over_line
from pg_deploy.presentation.marks import (
    sign,
    tone_of_access,
    tone_of_benchmark,
    tone_of_criterion,
    undeclared_differences,
)
from pg_deploy.rehearsal.rehearsal_text import REHEARSAL, rehearsal_lines
from pg_deploy.reporting.causes import advice
from pg_deploy.reporting.criteria import Criterion, Judged, judge_criteria
from pg_deploy.reporting.timeline import Step, read_steps

NOT_REACHED = "not reached"
_BETWEEN = ("rollback failed", "left")
_WHOLE = "in place whole: it was not undone"


@dataclass(frozen=True)
class Outcome:
    """How one pinned migration ended."""

    pinned: Pinned
    manifest: Manifest
    attempt: Attempt | None
    state: str
    evidence: tuple[Evidence, ...]
    rehearsal: tuple[Evidence, ...] = ()

    @property
    def is_deployed(self) -> bool:
        """Whether it is verified and in the history."""
        return self.state == "deployed"


@dataclass(frozen=True)
class Report:
    """What a run did, from the ledger alone."""

    deployment_id: int
    outcomes: tuple[Outcome, ...]
    criteria: tuple[Criterion, ...]
    steps: tuple[Step, ...]
    undone_earlier: bool
    evidence: tuple[Evidence, ...] = ()

    @property
    def is_deployed(self) -> bool:
        """Whether everything that was pinned is deployed; true also where nothing was pending."""
        return all(outcome.is_deployed for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[str, ...]:
        """One phrase for each migration that is not deployed."""
        return tuple(f"{outcome.pinned.stem} {outcome.state}" for outcome in self.outcomes if not outcome.is_deployed)

    @property
    def end_state(self) -> str:
        """The state that the deployment is closed with."""
        if self.is_deployed:
            return "deployed"
        return "rolled_back" if any(outcome.state == "rolled back" for outcome in self.outcomes) else "failed"


def read_report(connection: Connection, deployment_id: int) -> Report:
    """The report of that deployment from its ledger. Reads only."""
    recorded = history.read(connection)
    seen = {one.id: one for one in attempts.of_deployment(connection, deployment_id)}
    rows = evidence.of_deployment(connection, deployment_id)
    rehearsed = [row for row in rows if row.location == "rehearsal"]
    unbelieved = attempts.without_statements(connection, [one.id for one in seen.values() if one.state == "verified"])
    outcomes = []
    for pinned in pins.pinned(connection, deployment_id):
        newest = [one for one in seen.values() if one.version == pinned.version]
        attempt = newest[-1] if newest else None
        outcomes.append(
            Outcome(
                pinned,
                pins.manifest_of(connection, deployment_id, pinned.version),
                attempt,
                _WHOLE
                if attempt is not None and _is_in_place_whole(connection, attempt)
                else _state(attempt, pinned.version in recorded, rows, pinned, unbelieved),
                evidence.of_attempt(connection, attempt.id) if attempt else (),
                tuple(row for row in rehearsed if row.version == pinned.version),
            )
        )
    return Report(
        deployment_id,
        tuple(outcomes),
        judge_criteria(
            [Judged(o.manifest, o.is_deployed, o.attempt is not None, (*o.evidence, *o.rehearsal)) for o in outcomes],
            rows,
        ),
        read_steps(connection, deployment_id),
        any(row.kind == "undone earlier" for row in rows),
        rows,
    )


def report_lines(
    connection: Connection, report: Report, *, contacts: str, task_states: Sequence[str] = ()
) -> list[str]:
    """The report for the task log, in order: what happened, evidence, criteria, timeline, and on red what to do."""
    held = deployment.deployment(connection, report.deployment_id)
    lines = [passed_over_line(row.detail["names"]) for row in report.evidence if row.kind == PASSED_OVER]
    if held is not None:
        lines.append(f"deployment {held.id} by {held.actor}, run {held.airflow_run}")
    if not report.outcomes:
        lines.append("nothing was pending: every migration of the folder is in place")
    for outcome in report.outcomes:
        lines += _outcome_lines(outcome)
    if report.outcomes:
        lines += ["::group::success criteria"]
        lines += [
            f"{sign(tone_of_criterion(c.verdict))} {c.title}: {c.verdict}{_because(c.evidence)}"
            for c in report.criteria
        ]
        lines += ["::endgroup::"]
    if report.steps:
        lines += ["::group::duration of each step beside the guide's timeline"]
        lines += [step.line for step in report.steps] + ["::endgroup::"]
    if report.is_deployed and report.outcomes:
        lines.append(f"everything is deployed: {len(report.outcomes)} of {len(report.outcomes)} migrations")
        lines += [f"✗ look at this before anybody else does: {each}" for each in _errors_of_users(report)]
    if not report.is_deployed:
        lines += _what_to_do(report, held.conf if held else {}, contacts, task_states)
    return lines


def _outcome_lines(outcome: Outcome) -> list[str]:
    mark = "✓" if outcome.is_deployed else "✗"
    took = ""
    attempt = outcome.attempt
    if attempt is not None and attempt.ended_at is not None:
        took = f" in {format_duration(max(0.0, (attempt.ended_at - attempt.started_at).total_seconds()))}"
    lines = [f"{mark} {outcome.pinned.stem}: {outcome.state}{took} - {outcome.pinned.title}"]
    checks = [row for row in outcome.evidence if row.kind == "check"]
    if checks:
        passed = sum(row.outcome == "passed" for row in checks)
        left = [row.name for row in checks if row.outcome == "not run"]
        on_copy = {row.name for row in outcome.rehearsal if row.kind == "check" and row.outcome == "passed"}
        missing = [name for name in left if name not in on_copy]
        lines.append(
            f"    {passed} of {len(checks) - len(left)} checks passed"
            + (f", {len(left) - len(missing)} more on the copy" if len(left) > len(missing) else "")
            + (f", {len(missing)} need a rehearsal" if missing else "")
        )
    for row in checks:
        if row.outcome in ("failed", "error"):
            said = row.detail.get("error") or f"{row.detail.get('found')} found"
            lines.append(f"    ✗ check {row.name.replace('_', ' ')}: {said}")
    for row in outcome.evidence:
        if row.kind == "benchmark":
            lines.append(
                f"    {sign(tone_of_benchmark(row.outcome))} benchmark {row.name}: {row.detail.get('sentence')}"
            )
        elif row.kind == ACCESS:
            mark = sign(tone_of_access(row.detail, row.outcome))
            lines.append(f"    {mark} access: {row.detail.get('verdict')}")
            lines += [
                f"      nobody declared: {shortened(each)}" for each in undeclared_differences(row.detail, row.outcome)
            ]
            lines += [f"      {note}" for note in row.detail.get("notes", ())]
            lines += [f"      ✗ {sentence}" for sentence in row.detail.get("against", ())]
        elif row.kind == "rollback proof":
            proof = row.name if row.outcome == "passed" else "its own changes are NOT gone"
            lines.append(f"    rollback: {proof} ({row.detail.get('facts')} catalog facts compared)")
            lines += [f"      changed by others, left: {line}" for line in row.detail.get("changed_by_others", ())]
        elif row.kind == "approval":
            lines.append(f"    approval: {row.outcome} by {row.detail.get('by')}")
    if attempt is not None and attempt.error:
        lines += [f"    {line}" for line in attempt.error.splitlines()]
    if outcome.state == "rolled back" and outcome.manifest.after_rollback:
        lines.append(f"    after this rollback: {' '.join(outcome.manifest.after_rollback.split())}")
    if not outcome.is_deployed:
        lines += [f"    hint: {hint}" for hint in _hints(outcome)]
    elif outcome.pinned.rollback is None:
        lines.append("    unprotected: no rollback.sql, and none was generated and proven in a rehearsal")
    for row in outcome.rehearsal:
        if row.kind == REHEARSAL:
            said, more = rehearsal_lines(row.outcome, row.detail)
            lines += [f"    {line}" for line in said]
            lines += [f"::group::rehearsal of {outcome.pinned.stem}", *more, "::endgroup::"] if more else []
    return lines


def _errors_of_users(report: Report) -> list[str]:
    """What somebody gets an error for now where it worked before, and nobody declared: the first sentence of each migration."""
    found = []
    for outcome in report.outcomes:
        rows = [row for row in outcome.evidence if row.kind == ACCESS]
        said = [
            each
            for row in rows
            for each in undeclared_differences(row.detail, row.outcome)
            if " get an error " in f" {each} "
        ]
        found += [f"{outcome.pinned.stem}: {each}" for each in said[:1]]
    return found


def _hints(outcome: Outcome) -> list[str]:
    attempt = outcome.attempt
    if attempt is None or not attempt.error:
        return []
    hints = outcome.manifest.hints
    by_verb = [
        (hints.apply, attempt.applied_at is None),
        (hints.verify, attempt.applied_at is not None),
        (hints.rollback, attempt.state == "rollback_failed"),
    ]
    return [" ".join(text.split()) for text, applies in by_verb if text and applies]


def _what_to_do(report: Report, conf: dict[str, object], contacts: str, task_states: Sequence[str]) -> list[str]:
    lines = ["", "what to do"]
    stopped = [o for o in report.outcomes if not o.is_deployed]
    lines += [f"  - {state}" for state in task_states]
    first = next((o for o in stopped if o.state != NOT_REACHED), stopped[0])
    error = first.attempt.error or "" if first.attempt else ""
    lines.append(f"  - {advice(first.pinned.stem, first.state, error, task_states, report.evidence)}")
    between = [o.pinned.stem for o in stopped if o.state.startswith(_BETWEEN)]
    if between:
        lines.append(f"  - the database is between two states for {', '.join(between)}: mend that before anything else")
    lines += [f"  - {line}" if not line.startswith(" ") else f"  {line}" for line in how_to_restore(report.evidence)]
    target = conf.get("target", "target_db")
    if any(outcome.is_deployed for outcome in report.outcomes):
        lines.append(f'  - the conf to deploy the rest: {{"target": "{target}"}}')
        undo = f'{{"target": "{target}", "deployment": {report.deployment_id}}}'
        lines.append(f"  - to undo what this run deployed: rollback_migrations with the conf {undo}")
    lines.append(f"  - contacts: {contacts}")
    return lines


def _because(found: str) -> str:
    return f" ({found})" if found else ""


def _is_in_place_whole(connection: Connection, attempt: Attempt) -> bool:
    """Whether all of it took effect and nothing of its rollback did."""
    return (
        attempt.state == "rollback_failed"
        and attempt.applied_at is not None
        and not attempts.committed_segments(connection, attempt.id, "rollback")
        and not attempts.begun_outside_transaction(connection, attempt.id, "rollback")
    )


def _state(
    attempt: Attempt | None, recorded: bool, rows: Sequence[Evidence], pinned: Pinned, unbelieved: Collection[int]
) -> str:
    if attempt is None:
        # A rejected approval comes before any attempt.
        mine = {(row.kind, row.outcome) for row in rows if row.version == pinned.version}
        if ("approval", "rejected") in mine:
            return "rejected"
        failed = (REHEARSAL, "failed") in mine
        return "failed in the rehearsal, the target was not touched" if failed else NOT_REACHED
    if attempt.id in unbelieved:
        return "not believed, the ledger calls it verified and none of its statements ended"
    if attempt.state == "verified":
        return "deployed" if recorded else "verified, but gone from the history"
    words = {
        "rolled_back": "rolled back",
        "rollback_failed": "rollback failed",
        "rolling_back": "left in the middle of its rollback",
        "applied": "left as it is, applied and not verified",
        "applying": "left as it is, partly applied",
    }
    return words.get(attempt.state, "not applied")
