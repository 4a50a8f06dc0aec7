"""What the tasks of rollback_migrations do."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context

from pg_deploy.approval.errors import NotPermittedError
from pg_deploy.approval.lend_target import end_deployment
from pg_deploy.approval.permission import not_approved, undo_hash
from pg_deploy.configuration.conf import RollbackConf, checked_conf
from pg_deploy.configuration.installation import settings
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import deployment, evidence, pins
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.report import RollbackReport
from pg_deploy.ledger.kinds.rollback import WouldBeLost
from pg_deploy.presentation.lines import log_lines
from pg_deploy.presentation.markdown import as_code_block, as_plain_markdown
from pg_deploy.rollback import run as rollback_run
from pg_deploy.rollback.errors import NotUndoneError
from pg_deploy.tasks.approval import Asking, Question, page_of
from pg_deploy.tasks.errors import NoClaimError
from pg_deploy.tasks.notices import send_notice
from pg_deploy.tasks.run import (
    PREFLIGHT,
    Run,
    chosen_conf,
    contacts_of,
    failing_plainly,
    hand_on,
    held_in_ledger,
    identity,
    log,
    ownership_from,
    project_in,
    target_of,
)


class AskAboutRollback(Asking):
    """Ask whether to undo: what goes, what would be lost, who changed it since, and the SQL that will run."""

    def run_of(self, context: Any) -> Run:
        """The rollback run behind an Airflow context."""
        return _read(context)[1]

    def prepare_again(self, run: Run, context: Any) -> None:
        """What would be lost now, of the same rollbacks."""
        conf, _ = _read(context)
        with run.target.session("rollback preflight") as connection:
            rollback_run.show_again(connection, run.deployment_id, conf, log)

    def question(self, run: Run, context: Any) -> Question | None:
        """About everything that this run pinned."""
        if run.ownership is None and not run.conf.dry_run:
            raise NoClaimError(run.identity.airflow_run)
        if run.ownership is None:
            log.info("nothing to approve: a dry run")
            return None
        # A floor of any kind holds: undoing is never without risk.
        if run.approval == "none":
            log.info("nothing to approve: approval is none")
            return None
        with run.target.session("approve") as connection:
            pinned = pins.pinned(connection, run.deployment_id)
            shown = {
                row.version: WouldBeLost.from_row(row).lines
                for row in evidence.of_deployment(connection, run.deployment_id, Kind.WOULD_BE_LOST)
            }
        parts = []
        for each in pinned:
            lines = [line.strip().removeprefix(f"{each.stem}: ") for line in shown.get(each.version, ())]
            parts.append(f"**This approval holds for the rollback `{undo_hash(each)}` and no other text.**")
            parts.append(f"## {each.stem}\n\n" + "\n".join(f"- {as_plain_markdown(line)}" for line in lines))
            parts.append(
                as_code_block(
                    each.rollback or "", whole=f"read all of it on [the page of this run]({page_of(context)})"
                )
            )
        return Question(
            f"Undo {', '.join(each.stem for each in pinned)}?",
            "\n\n".join(parts),
            tuple((each.stem, undo_hash(each)) for each in pinned),
        )


def preflight() -> dict[str, Any]:
    """As the step `preflight`."""
    context = get_current_context()
    with failing_plainly():
        conf, run = _read(context)
        prepared = rollback_run.preflight(run.target, conf, identity(context), good_for=settings().good_for, log=log)
    return hand_on(prepared)


def undo() -> int:
    """As the step `undo`."""
    with failing_plainly():
        context = get_current_context()
        conf, run = _read(context)
        if run.ownership is None and conf.dry_run:
            log.info("nothing to do: a dry run")
            return 0
        if run.ownership is None:
            raise NoClaimError(context["dag_run"].run_id)
        with run.job("undo") as job:
            _refuse_unless_approved(run, job)
            return rollback_run.undo(job)


def report() -> None:
    """As the step `report`."""
    context = get_current_context()
    with failing_plainly():
        conf, run = _read(context)
        owned = run.ownership or held_in_ledger(context, conf.target)
        if owned is None and not (conf.dry_run and context["ti"].xcom_pull(task_ids=PREFLIGHT)):
            raise NotUndoneError(["preflight did not take the target, nothing was changed: read its log"])
        if owned is None:
            log.info("dry run: what would be undone is in the log of preflight, nothing was changed")
            return
        with run.target.session("report") as connection:
            lines, failures = rollback_run.report_lines(connection, owned.deployment_id)
            log_lines(lines, log)
            if run.ownership is None:
                failures.append("what preflight handed on is gone")
            if failures:
                log.error("what to do: read the log of undo, mend what it names, and trigger again with the same conf")
                if contacts := contacts_of(run.project):
                    log.error("contacts: %s", contacts)
            state = deployment.State.FAILED if failures else deployment.State.ROLLED_BACK
            texts = [line.text for line in lines]
            evidence.record(connection, owned.deployment_id, Kind.REPORT, RollbackReport(state, tuple(texts)))
            end_deployment(connection, owned, state, changed_something=True)
        what = "not everything that was asked for was undone" if failures else "was rolled back as asked"
        send_notice(f"{run.target.name}: {what}", "\n".join(failures or texts), context)
        rollback_run.refuse_unless_undone(failures)


def _refuse_unless_approved(run: Run, job: Job) -> None:
    """Raise NotPermittedError unless the ledger holds a yes to each of these very rollbacks, if one is demanded."""
    if run.approval == "none":
        return
    rows = evidence.of_deployment(job.ledger, job.deployment_id)
    for each in pins.pinned(job.ledger, job.deployment_id):
        lacking = not_approved(rows, each, run.demands, wanted=undo_hash(each))
        if lacking:
            raise NotPermittedError(each.stem, lacking)


def _read(context: Any) -> tuple[RollbackConf, Run]:
    conf = checked_conf(RollbackConf, chosen_conf(context))
    owned = ownership_from(context, PREFLIGHT)
    project = project_in(context)
    return conf, Run(
        conf.as_deploy, project, target_of(project, conf.target), identity(context), owned, context["task"]
    )
