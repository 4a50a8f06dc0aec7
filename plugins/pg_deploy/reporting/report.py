"""The report of a deployment: judged by the pinned set, not by the tasks, and written for the engineer on call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from pg_deploy.access.facts.access_change import shorten_sentence
from pg_deploy.backup.evidence import how_to_restore, judge_backup
from pg_deploy.configuration.dag_names import OWN, names_beside
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.approval import Answer, Answered
from pg_deploy.ledger.kinds.benchmark import read_benchmark
from pg_deploy.ledger.kinds.check import CheckOutcome, CheckResult
from pg_deploy.ledger.kinds.clone import CloneKept, clones_in
from pg_deploy.ledger.kinds.criteria import pinned_criteria
from pg_deploy.ledger.kinds.rehearsal import Rehearsal, RehearsalOutcome
from pg_deploy.ledger.kinds.report import Criterion, criteria_of
from pg_deploy.ledger.kinds.rollback import RollbackProof
from pg_deploy.ledger.kinds.run import PassedOver
from pg_deploy.ledger.kinds.verdict_tones import tone_of_access, tone_of_benchmark, tone_of_criterion
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations import history
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.plan_text import passed_over_line
from pg_deploy.presentation.lines import Line, marked, plain_lines
from pg_deploy.rehearsal.rehearsal_text import rehearsal_lines
from pg_deploy.reporting.causes import advice
from pg_deploy.reporting.criteria import MigrationResult, judge_criteria
from pg_deploy.reporting.endings import Ending, ending_of
from pg_deploy.reporting.timeline import Step, read_steps


@dataclass(frozen=True)
class Outcome:
    """How one pinned migration ended."""

    pinned: Pinned
    manifest: Manifest
    attempt: Attempt | None
    state: Ending
    evidence: tuple[Evidence, ...]
    rehearsal: tuple[Evidence, ...] = ()

    @property
    def is_deployed(self) -> bool:
        """Whether it is verified and in the history."""
        return self.state == Ending.DEPLOYED


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
        """Whether everything that was pinned is deployed; true as well if nothing was pending."""
        return all(outcome.is_deployed for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[str, ...]:
        """One phrase for each migration that is not deployed."""
        return tuple(f"{outcome.pinned.stem} {outcome.state}" for outcome in self.outcomes if not outcome.is_deployed)

    @property
    def end_state(self) -> deployment.State:
        """The state that the deployment is closed with."""
        if self.is_deployed:
            return deployment.State.DEPLOYED
        undone = any(outcome.state == Ending.ROLLED_BACK for outcome in self.outcomes)
        return deployment.State.ROLLED_BACK if undone else deployment.State.FAILED


def read_report(connection: Connection, deployment_id: int) -> Report:
    """The report of that deployment from its ledger. Reads only."""
    recorded = history.read(connection)
    seen = {one.id: one for one in attempts.of_deployment(connection, deployment_id)}
    rows = evidence.of_deployment(connection, deployment_id)
    rehearsed = [row for row in rows if row.is_of_copy]
    unbelieved = attempts.without_statements(
        connection, [one.id for one in seen.values() if one.state == State.VERIFIED]
    )
    outcomes = []
    for pinned in pins.pinned(connection, deployment_id):
        newest = [one for one in seen.values() if one.version == pinned.version]
        attempt = newest[-1] if newest else None
        outcomes.append(
            Outcome(
                pinned,
                pins.manifest_of(connection, deployment_id, pinned.version),
                attempt,
                Ending.WHOLE
                if attempt is not None and _is_in_place_whole(connection, attempt)
                else _ending(attempt, pinned.version in recorded, rows, pinned, unbelieved),
                evidence.of_attempt(connection, attempt.id) if attempt else (),
                tuple(row for row in rehearsed if row.version == pinned.version),
            )
        )
    stated = pinned_criteria(connection, deployment_id)
    judged = [
        MigrationResult(o.manifest, o.is_deployed, o.attempt is not None, (*o.evidence, *o.rehearsal)) for o in outcomes
    ]
    # A deployment that was made before criteria were pinned has those that its report kept.
    kept = [criteria_of(row) for row in rows if row.kind == Kind.REPORT]
    return Report(
        deployment_id,
        tuple(outcomes),
        judge_criteria(stated.criteria, judged, rows, backup=_backup_wanted(connection, deployment_id))
        or next(reversed(kept), ()),
        read_steps(connection, deployment_id, stated.timeline),
        any(row.kind == Kind.UNDONE_EARLIER for row in rows),
        rows,
    )


def report_lines(
    connection: Connection,
    report: Report,
    *,
    contacts: str,
    failed_tasks: Collection[str] = (),
    faults: Sequence[str] = (),
) -> list[Line]:
    """The report for the task log, in order: what happened, evidence, criteria, timeline, and on red what to do.

    `failed_tasks` are ids, `faults` say of these and of all else that went wrong what it is.
    """
    held = deployment.by_id(connection, report.deployment_id)
    over = [PassedOver.from_row(row) for row in report.evidence if row.kind == Kind.PASSED_OVER]
    lines = plain_lines(passed_over_line(each.names) for each in over)
    if held is not None:
        lines.append(Line(f"deployment {held.id} by {held.actor}, run {held.airflow_run}"))
    if not report.outcomes:
        lines.append(Line("nothing was pending: every migration of the folder is in place"))
    for outcome in report.outcomes:
        lines += _outcome_lines(outcome)
    backup = _backup_wanted(connection, report.deployment_id)
    if not report.criteria and report.outcomes and backup != "none":
        verdict, found = judge_backup(report.evidence, backup)
        lines.append(marked(tone_of_criterion(verdict), f"backup: {found}"))
    lines += [marked("bad", _left_over(clone)) for clone in clones_in(report.evidence) if clone.is_there]
    if report.outcomes and report.criteria:
        lines.append(Line("::group::success criteria"))
        lines += [
            marked(tone_of_criterion(c.verdict), f"{c.title}: {c.verdict}{_because(c.evidence)}")
            for c in report.criteria
        ]
        lines.append(Line("::endgroup::"))
    if report.steps:
        by = report.steps[0].planned_by
        beside = f" beside {by}'s timeline" if by else ""
        lines.append(Line(f"::group::duration of each step{beside}"))
        lines += plain_lines([*(step.line for step in report.steps), "::endgroup::"])
    if report.is_deployed and report.outcomes:
        lines.append(Line(f"everything is deployed: {len(report.outcomes)} of {len(report.outcomes)} migrations"))
        lines += [marked("bad", f"look at this before anybody else does: {each}") for each in _errors_of_users(report)]
    if not report.is_deployed:
        undoing = names_beside(held.dag_id if held else OWN.deploy).rollback
        lines += plain_lines(_what_to_do(report, held.conf if held else {}, undoing, contacts, failed_tasks, faults))
    return lines


def _backup_wanted(connection: Connection, deployment_id: int) -> str:
    """What the run's conf says of a backup; that of a rollback says nothing."""
    held = deployment.by_id(connection, deployment_id)
    return str(held.conf.get("backup", "none")) if held else "none"


def _outcome_lines(outcome: Outcome) -> list[Line]:
    took = ""
    attempt = outcome.attempt
    if attempt is not None and attempt.ended_at is not None:
        took = f" in {format_duration(max(0.0, (attempt.ended_at - attempt.started_at).total_seconds()))}"
    said = f"{outcome.pinned.stem}: {outcome.state}{took} - {outcome.pinned.title}"
    lines = [marked("good" if outcome.is_deployed else "bad", said), *_check_lines(outcome)]
    for row in outcome.evidence:
        if row.kind == Kind.BENCHMARK:
            benchmark = read_benchmark(row)
            tone = tone_of_benchmark(benchmark.outcome)
            lines.append(marked(tone, f"benchmark {benchmark.name}: {benchmark.sentence}", indent=4))
        elif row.kind == Kind.ACCESS:
            access = AccessFound.from_row(row)
            lines.append(marked(tone_of_access(access), f"access: {access.words}", indent=4))
            lines += plain_lines(f"      nobody declared: {shorten_sentence(each)}" for each in access.undeclared)
            lines += plain_lines(f"      {note}" for note in access.notes)
            lines += [marked("bad", sentence, indent=6) for sentence in access.against]
        elif row.kind == Kind.ROLLBACK_PROOF:
            proof = RollbackProof.from_row(row)
            held = proof.name if proof.is_good else "its own changes are NOT gone"
            lines.append(Line(f"    rollback: {held} ({proof.facts} catalog facts compared)"))
            lines += plain_lines(f"      changed by others, left: {line}" for line in proof.changed_by_others)
        elif row.kind == Kind.APPROVAL:
            answer = Answered.from_row(row)
            lines.append(Line(f"    approval: {answer.outcome} by {answer.by}"))
    if attempt is not None and attempt.error:
        lines += plain_lines(f"    {line}" for line in attempt.error.splitlines())
    if outcome.state == Ending.ROLLED_BACK and outcome.manifest.after_rollback:
        lines.append(Line(f"    after this rollback: {' '.join(outcome.manifest.after_rollback.split())}"))
    if not outcome.is_deployed:
        lines += plain_lines(f"    hint: {hint}" for hint in _hints(outcome))
    elif outcome.pinned.rollback is None:
        lines.append(Line("    unprotected: no rollback.sql, and none was generated and proven in a rehearsal"))
    for row in outcome.rehearsal:
        if row.kind == Kind.REHEARSAL:
            first, more = rehearsal_lines(Rehearsal.from_row(row))
            lines += [replace(line, text=f"    {line.text}") for line in first]
            if more:
                lines += [Line(f"::group::rehearsal of {outcome.pinned.stem}"), *more, Line("::endgroup::")]
    return lines


def _check_lines(outcome: Outcome) -> list[Line]:
    checks = [CheckResult.from_row(row) for row in outcome.evidence if row.kind == Kind.CHECK]
    if not checks:
        return []
    on_copy = [CheckResult.from_row(row) for row in outcome.rehearsal if row.kind == Kind.CHECK]
    held_there = {check.name for check in on_copy if check.outcome == CheckOutcome.PASSED}
    passed = sum(check.outcome == CheckOutcome.PASSED for check in checks)
    left = [check.name for check in checks if check.outcome == CheckOutcome.NOT_RUN]
    missing = [name for name in left if name not in held_there]
    return [
        Line(
            f"    {passed} of {len(checks) - len(left)} checks passed"
            + (f", {len(left) - len(missing)} more on the copy" if len(left) > len(missing) else "")
            + (f", {len(missing)} need a rehearsal" if missing else "")
        ),
        *(
            marked("bad", f"check {check.name.replace('_', ' ')}: {check.error or f'{check.found} found'}", indent=4)
            for check in checks
            if not check.is_good
        ),
    ]


def _left_over(clone: CloneKept) -> str:
    known = clone.id or "no id known"
    return f"the clone {clone.name} ({known}) of {clone.service} is {clone.outcome} and not removed: {clone.said or 'the next run tries'}"


def _errors_of_users(report: Report) -> list[str]:
    """What worked before, is an error for somebody now, and was not declared: the first sentence of each migration."""
    found = []
    for outcome in report.outcomes:
        rows = [AccessFound.from_row(row) for row in outcome.evidence if row.kind == Kind.ACCESS]
        said = [each for access in rows for each in access.errors]
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
        (hints.rollback, attempt.state == State.ROLLBACK_FAILED),
    ]
    return [" ".join(text.split()) for text, applies in by_verb if text and applies]


def _what_to_do(
    report: Report,
    conf: dict[str, object],
    undoing: str,
    contacts: str,
    failed_tasks: Collection[str],
    faults: Sequence[str],
) -> list[str]:
    lines = ["", "what to do"]
    stopped = [o for o in report.outcomes if not o.is_deployed]
    lines += [f"  - {fault}" for fault in faults]
    first = next((o for o in stopped if o.state != Ending.NOT_REACHED), stopped[0])
    error = first.attempt.error or "" if first.attempt else ""
    lines.append(f"  - {advice(first.pinned.stem, first.state, error, failed_tasks, report.evidence)}")
    between = [o.pinned.stem for o in stopped if o.state.is_between]
    if between:
        lines.append(f"  - the database is between two states for {', '.join(between)}: mend that before anything else")
    lines += [f"  - {line}" if not line.startswith(" ") else f"  {line}" for line in how_to_restore(report.evidence)]
    target = conf.get("target", "target_db")
    if any(outcome.is_deployed for outcome in report.outcomes):
        lines.append(f'  - the conf to deploy the rest: {{"target": "{target}"}}')
        undo = f'{{"target": "{target}", "deployment": {report.deployment_id}}}'
        lines.append(f"  - to undo what this run deployed: {undoing} with the conf {undo}")
    if contacts:
        lines.append(f"  - contacts: {contacts}")
    return lines


def _because(found: str) -> str:
    return f" ({found})" if found else ""


def _is_in_place_whole(connection: Connection, attempt: Attempt) -> bool:
    """Whether all of it took effect and nothing of its rollback did."""
    return (
        attempt.state == State.ROLLBACK_FAILED
        and attempt.applied_at is not None
        and not attempts.committed_segments(connection, attempt.id, "rollback")
        and not attempts.begun_outside_transaction(connection, attempt.id, "rollback")
    )


def _ending(
    attempt: Attempt | None, recorded: bool, rows: Sequence[Evidence], pinned: Pinned, unbelieved: Collection[int]
) -> Ending:
    if attempt is None:
        # A rejected approval comes before any attempt.
        mine = {(row.kind, row.outcome) for row in rows if row.version == pinned.version}
        if (Kind.APPROVAL, Answer.REJECTED) in mine:
            return Ending.REJECTED
        failed = (Kind.REHEARSAL, RehearsalOutcome.FAILED) in mine
        return Ending.FAILED_ON_COPY if failed else Ending.NOT_REACHED
    if attempt.id in unbelieved:
        return Ending.NOT_BELIEVED
    return ending_of(attempt.state, is_recorded=recorded)
