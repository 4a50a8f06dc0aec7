"""What the tasks of deploy_migrations do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk import get_current_context

from pg_deploy.approval.lend_target import end_deployment
from pg_deploy.approval.permission import judge_all, refuse_unless_permitted, refuse_unless_tried
from pg_deploy.configuration.installation import SHOWN_SINGLY, settings
from pg_deploy.deployment.apply import apply as apply_migration
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify as verify_migration
from pg_deploy.errors import ConnectionFailedError, ConnectionLostError, PgDeployError
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins
from pg_deploy.ledger.attempt import State
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.report import DeploymentReport
from pg_deploy.ledger.kinds.rollback import UndoneEarlier
from pg_deploy.postgres.server_identity import writable_session
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight import migration_standings
from pg_deploy.preflight.errors import HistoryMismatchError, NoStatementsError
from pg_deploy.preflight.migration_standings import Standing
from pg_deploy.preflight.preflight import preflight as run_preflight
from pg_deploy.presentation.lines import log_lines
from pg_deploy.reporting.report import read_report, report_lines
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.tasks.airflow_versions import DownstreamTasksSkipped
from pg_deploy.tasks.assets import target_changed
from pg_deploy.tasks.clone_services import clone_way, remove_clones_of
from pg_deploy.tasks.errors import NotDeployedError
from pg_deploy.tasks.groups import group_of, groups_in, tasks_of, versions_without_group
from pg_deploy.tasks.notices import send_notice
from pg_deploy.tasks.run import (
    PREFLIGHT,
    Run,
    chosen_conf,
    contacts_of,
    failing_plainly,
    hand_on,
    held_in_ledger,
    log,
    ownership_from,
    plain_failure,
    project_in,
    read_conf,
    read_run,
    task_states,
)
from pg_deploy.tasks.watch_baseline import measure_before


def preflight() -> dict[str, Any]:
    """As the step `preflight`."""
    with failing_plainly():
        run = read_run(get_current_context())
        if not run.conf.dry_run:
            run.refuse_closed()
        prepared = run_preflight(
            run.target,
            run.conf,
            run.project.migrations,
            run.identity,
            label=run.project.label,
            good_for=settings().good_for,
            log=log,
            measure_before=lambda deployment_id: measure_before(run.target, deployment_id),
            clone=clone_way(run.project, run.target),
        )
    return hand_on(prepared)


def earlier() -> None:
    """As the step `earlier`."""
    context = get_current_context()
    with failing_plainly():
        run = read_run(context)
        if run.ownership is None:
            log.info("nothing to do: a dry run")
            idle = list(groups_in(context["dag"]))
        else:
            number = 0
            with run.job("earlier") as job:
                for number, version in enumerate(_without_group(run, job, context["dag"]), start=1):
                    log.info("::group::%d: %s", number, version)
                    _deploy_one(run, job, version)
                    log.info("::endgroup::")
                if not number:
                    log.info("nothing to do: every pending migration has a group of its own")
                groups = groups_in(context["dag"])
                state = migration_standings.read_state(job.ledger, [group.split("_", 1)[0] for group in groups])
                idle = _log_idle(job.ledger, run.deployment_id, groups, state)
    if idle:
        raise DownstreamTasksSkipped(  # type: ignore[no-untyped-call]  # Airflow gives it no types
            tasks=[name for group in idle for name in tasks_of(context["dag"], group) if not name.endswith(".passed")]
        )


def gate(stem: str) -> str:
    """As the step `gate`."""
    with failing_plainly():
        run = read_run(get_current_context())
        version, group = stem.split("_", 1)[0], group_of(stem)
        if run.ownership is None:
            log.info("a dry run: nothing is done")
            return f"{group}.passed"
        with run.target.session(f"gate {version}") as connection:
            state = migration_standings.read_state(connection, [version])
            standing = state.standing(version)
            if standing is Standing.UNBELIEVED:
                raise NoStatementsError(stem)
            if standing is Standing.GONE:
                raise HistoryMismatchError(stem, version)
            if _log_idle(connection, run.deployment_id, [stem], state):
                return f"{group}.passed"
            refuse_unless_tried(connection, run.deployment_id, version, run.demands)
        log.info("%s is %s", stem, standing.value)
        return f"{group}.approve"


def snapshot(stem: str) -> None:
    """As the step `snapshot`."""
    with failing_plainly():
        run = read_run(get_current_context())
        run.refuse_closed()
        migration = run.migration(stem.split("_", 1)[0])
        with run.job(f"snapshot {stem}") as job:
            refuse_unless_permitted(job.ledger, job.deployment_id, migration, run.demands)
            resume(job, migration)


def apply(stem: str) -> None:
    """As the step `apply`."""
    with failing_plainly():
        run = read_run(get_current_context())
        migration = run.migration(stem.split("_", 1)[0])
        with run.job(f"apply {stem}") as job:
            refuse_unless_permitted(job.ledger, job.deployment_id, migration, run.demands)
            begun = resume(job, migration)
            if begun.state == State.SNAPSHOTTED:
                # Somebody may have marked the task before as done. What is half applied is finished all the same.
                run.refuse_closed()
            with _hint_on_failure(migration.manifest.hints.apply):
                apply_migration(job, migration)


def verify(stem: str) -> None:
    """As the step `verify`."""
    with failing_plainly():
        run = read_run(get_current_context())
        migration = run.migration(stem.split("_", 1)[0])
        with run.job(f"verify {stem}") as job, _hint_on_failure(migration.manifest.hints.verify):
            verify_migration(job, migration)


def decide(stem: str) -> str | list[str]:
    """As the step `decide`."""
    context, group, version = get_current_context(), group_of(stem), stem.split("_", 1)[0]
    with failing_plainly():
        if ownership_from(context, PREFLIGHT) is None:
            log.info(
                "preflight handed on nothing to work with, so there is nothing to decide: the report judges the run"
            )
            return []
        run = read_run(context)
        # The ledger says how far it came: the state of a task is a person's to set.
        with run.target.session(f"decide {version}") as connection:
            current = attempts.latest(connection, version)
        if current is not None and current.state == State.VERIFIED:
            return f"{group}.passed"
        if current is None or current.state not in attempts.UNFINISHED:
            log.info("nothing was begun, so there is nothing to undo")
            return []
        if run.conf.on_failure == "stop":
            log.warning("on_failure is stop: %s is left as it is, for a person to look at", stem)
            return []
    return f"{group}.rollback"


def rollback(stem: str) -> str:
    """As the step `rollback`."""
    with failing_plainly():
        run = read_run(get_current_context())
        with run.job(f"rollback {stem}") as job:
            undone = roll_back(job, stem.split("_", 1)[0])
            note = pins.manifest_of(job.ledger, undone.attempt.deployment_id, undone.attempt.version).after_rollback
        if note:
            log.info("after this rollback: %s", " ".join(note.split()))
        return undone.sentence


def undo_earlier() -> int:
    """As the step `undo_earlier`."""
    context = get_current_context()
    if ownership_from(context, PREFLIGHT) is None:
        log.info("nothing to do: preflight handed on nothing to work with")
        return 0
    with failing_plainly():
        run = read_run(context)
        if run.conf.on_failure != "rollback_all":
            log.info("nothing to do: on_failure is %s", run.conf.on_failure)
            return 0
        with run.job("undo_earlier") as job:
            return _undo_verified(job)


def report() -> None:
    """As the step `report`."""
    context = get_current_context()
    failed_tasks = [name for name, state in task_states(context).items() if state == "failed"]
    failed = [f"{name} failed" for name in failed_tasks]
    target = str(chosen_conf(context).get("target"))
    project = project_in(context)
    context["outlet_events"][target_changed(project)].extra = {"target": target}
    with failing_plainly():
        owned = ownership_from(context, PREFLIGHT)
        if owned is None:
            # What is wrong may be the conf itself, so it is read only if nothing else says that preflight failed.
            if PREFLIGHT in failed_tasks:
                send_notice(
                    f"{target}: a deployment failed, nothing was changed", f"{', '.join(failed)}: read its log", context
                )
                raise NotDeployedError([f"{', '.join(failed)}, nothing was changed: read the log of that task"])
            if read_conf(context).dry_run and context["ti"].xcom_pull(task_ids=PREFLIGHT):
                log.info("dry run: the plan is in the log of preflight, nothing was changed")
                return
            owned = held_in_ledger(context, target)
            failed.append("what preflight handed on is gone, or it took no target, whatever its state is")
            if owned is None:
                raise NotDeployedError([*failed, "trigger a new run"])
        run = read_run(context, owned)
        for left in remove_clones_of(run):
            send_notice(f"{target}: a clone is left over", left, context)
        with run.target.session("report") as connection:
            found = read_report(connection, run.deployment_id)
            contacts = contacts_of(project)
            log_lines(report_lines(connection, found, contacts=contacts, failed_tasks=failed_tasks, faults=failed), log)
        # The report is logged before it is written: a ledger that takes no writes must not hide where this run stands.
        with writable_session(run.target, "report", give_up_after=run.conf.give_up_after, log=log) as (connection, _):
            kept = DeploymentReport(found.end_state, found.criteria, tuple(failed))
            evidence.record(connection, run.deployment_id, Kind.REPORT, kept)
            # If nothing was pending, there is nothing of others that this run could be taken to have deployed.
            changed = not found.outcomes or any(outcome.attempt is not None for outcome in found.outcomes)
            end_deployment(connection, owned, found.end_state, changed_something=changed)
        if not found.is_deployed or failed:
            failures = failed if found.is_deployed else found.failures
            state = "was rolled back" if found.end_state == deployment.State.ROLLED_BACK else "failed"
            send_notice(f"{target}: deployment {owned.deployment_id} {state}", "\n".join(failures), context)
            raise NotDeployedError(failures)


def _log_idle(
    connection: Connection, deployment_id: int, stems: Sequence[str], state: migration_standings.State
) -> list[str]:
    """Those of `stems` of which this run has nothing to do, each with the reason in the log. Reads only."""
    pinned = pins.pinned_versions(connection, deployment_id)
    held = deployment.by_id(connection, deployment_id)
    idle = []
    for stem in stems:
        version = stem.split("_", 1)[0]
        standing = state.standing(version)
        if standing.is_in_place:
            log.info("%s is %s: nothing to do", stem, standing.value)
        elif version not in pinned and standing.is_pending:
            known = held is not None and version in held.folder_versions
            log.info("%s %s: nothing is done", stem, "was not chosen" if known else "arrived after this run began")
        else:
            continue
        idle.append(stem)
    return idle


@contextmanager
def _hint_on_failure(hint: str | None) -> Iterator[None]:
    try:
        yield
    except PgDeployError:
        if hint:
            log.error("hint: %s", " ".join(hint.split()))
        raise


def _without_group(run: Run, job: Job, dag: Any) -> Iterator[str]:
    """What has no group, and of a long set what comes next, up to the first that needs one: a person, or a companion's proof.

    Each is judged when its turn comes, as at a gate of its own.
    """
    pinned = pins.pinned(job.ledger, run.deployment_id)
    old = versions_without_group(dag, [each.version for each in pinned])
    yield from old
    if len(pinned) <= SHOWN_SINGLY:
        return
    for each in pinned:
        if each.version in old:
            continue
        migration = run.migration_by(job.ledger, each.version)
        if migration.has_companion:
            return
        (judged,) = judge_all(job.ledger, run.deployment_id, [(each, migration)], run.demands)
        if judged.must_ask:
            return
        yield each.version


def _deploy_one(run: Run, job: Job, version: str) -> None:
    """All verbs on one migration; a failure is undone as on_failure says, and raised."""
    migration = run.migration_by(job.ledger, version)
    standing = migration_standings.read_state(job.ledger, [version]).standing(version)
    if standing.is_in_place:
        log.info("in place already")
        return
    run.refuse_closed()
    refuse_unless_permitted(job.ledger, job.deployment_id, migration, run.demands)
    resume(job, migration)
    if standing is Standing.UNFINISHED:
        # What was left of it may be taken back by now: then it begins anew, and has to be rehearsed like any other.
        refuse_unless_tried(job.ledger, job.deployment_id, version, run.demands)
    try:
        apply_migration(job, migration)
        verify_migration(job, migration)
    except (ConnectionLostError, ConnectionFailedError):
        # Nothing is known to be wrong: the next try looks, and goes on.
        raise
    except PgDeployError as first:
        failure = plain_failure(first)
        if run.conf.on_failure != "stop":
            roll_back(job, version)
        raise failure from None


def _undo_verified(job: Job) -> int:
    # The newest attempt at each: this run may have finished the rollback of an older one before it deployed anew.
    newest = {one.version: one for one in attempts.of_deployment(job.ledger, job.deployment_id)}
    mine = sorted(newest.values(), key=lambda one: one.id)
    if not any(one.state == State.ROLLED_BACK for one in mine):
        log.info("nothing was rolled back, so nothing earlier is undone")
        return 0
    if any(one.state in (State.ROLLBACK_FAILED, State.ROLLING_BACK) for one in mine):
        log.error("a later migration could not be rolled back: what it builds on is left in place")
        return 0
    verified = [one for one in reversed(mine) if one.state == State.VERIFIED]
    for one in verified:
        log.info("::group::undo %s", one.stem)
        roll_back(job, one.version)
        undone = UndoneEarlier(one.stem)
        evidence.record(job.ledger, job.deployment_id, Kind.UNDONE_EARLIER, undone, version=one.version)
        log.info("::endgroup::")
    return len(verified)
