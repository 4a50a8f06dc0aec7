"""What the tasks of baseline_migrations do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.sdk import get_current_context

from pg_deploy.baseline import adopt as baseline
from pg_deploy.baseline.report import read_adopted, report_lines
from pg_deploy.configuration.conf import BaselineConf, checked_conf
from pg_deploy.configuration.installation import settings
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import deployment, pins
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations.migration import scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.presentation.lines import log_lines
from pg_deploy.projects.project import Project
from pg_deploy.tasks.errors import NoClaimError, NotAdoptedError
from pg_deploy.tasks.run import (
    chosen_conf,
    failing_plainly,
    hand_on,
    held_in_ledger,
    identity,
    log,
    ownership_from,
    project_in,
    target_of,
)

CHECK = "check"


@dataclass(frozen=True)
class _Run:
    conf: BaselineConf
    project: Project
    target: Target
    ownership: Ownership | None


def check() -> dict[str, Any]:
    """As the step `check`."""
    context = get_current_context()
    with failing_plainly():
        run = _read(context)
        prepared = baseline.check(
            run.target,
            run.conf,
            run.project.migrations,
            identity(context),
            label=run.project.label,
            good_for=settings().good_for,
            log=log,
        )
    return hand_on(prepared)


def adopt() -> int:
    """As the step `adopt`."""
    context = get_current_context()
    with failing_plainly():
        run = _read(context)
        if run.ownership is None and run.conf.dry_run:
            log.info("nothing to do: a dry run")
            return 0
        if run.ownership is None:
            raise NoClaimError(context["dag_run"].run_id)
        limits = Limits(give_up_after=run.conf.give_up_after)
        with working(run.target, run.ownership, "adopt", give_up_after=limits.give_up_after, log=log) as guard:
            job = Job(run.target, guard, limits, log)
            pinned = pins.pinned(job.ledger, job.deployment_id)
            files = {file.version: file for file in scan_folder(run.project.migrations).files}
            actor = identity(context).actor
            return sum(
                baseline.adopt(job, baseline.still_pinned(each, files.get(each.version)), run.conf, actor)
                for each in pinned
            )


def report() -> None:
    """As the step `report`."""
    context = get_current_context()
    with failing_plainly():
        run = _read(context)
        owned = run.ownership or held_in_ledger(context, run.conf.target)
        if owned is None:
            if not (run.conf.dry_run and context["ti"].xcom_pull(task_ids=CHECK)):
                raise NotAdoptedError(["check did not take the target, nothing was changed: read its log"])
            log.info("dry run: the plan is in the log of check, nothing was changed")
            return
        with run.target.session("baseline report") as connection:
            found = read_adopted(connection, owned.deployment_id)
            log_lines(report_lines(found), log)
            failures = [one.stem for one in found if not one.is_adopted]
            if run.ownership is None:
                failures.append("what check handed on is gone")
            state = deployment.State.FAILED if failures else deployment.State.DEPLOYED
            deployment.close(connection, owned.deployment_id, owned.fence, state)
        if failures:
            raise NotAdoptedError(failures)


def _read(context: Any) -> _Run:
    conf = checked_conf(BaselineConf, chosen_conf(context))
    project = project_in(context)
    return _Run(conf, project, target_of(project, conf.target), ownership_from(context, CHECK))
