"""The step that waits for a person, bound to exactly the text that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from pg_deploy.conf import Approval
from pg_deploy.edge.groups import versions_without_group
from pg_deploy.edge.run import Run, log, read_run, told_plainly
from pg_deploy.errors import ApprovalRejectedError
from pg_deploy.ledger import deployment, evidence, plan
from pg_deploy.migration import Migration
from pg_deploy.plan_text import several_text
from pg_deploy.rehearsal.text import rehearsal_text
from pg_deploy.settings import settings

_RISKY = ("medium", "high", "unknown")


class ApproveMigrations(ApprovalOperator):
    """Ask a person about the risky ones among some migrations; returns at once where there is nothing to ask.

    `version` None stands for all older migrations without a group of their own. A rejection fails the task: if it only
    skipped, what follows would count as deployed.
    """

    def __init__(self, *, version: str | None, **kwargs: Any) -> None:
        super().__init__(
            subject="Approve a migration",
            body="",
            fail_on_reject=True,
            retries=0,
            response_timeout=timedelta(seconds=settings().approval_timeout),
            **kwargs,
        )
        self.version = version

    def execute(self, context: Any) -> Any:
        """Ask, or say why there is nothing to ask."""
        with told_plainly():
            run = read_run(context)
            asked = self._asked(run, context)
            if not asked:
                return None
            self.subject = f"Deploy {', '.join(migration.stem for migration in asked)}?"
            with run.target.session("approve") as connection:
                rows = evidence.of_deployment(connection, run.deployment_id)
                self.body = several_text(
                    asked,
                    [_reason(migration, run.approval) for migration in asked],
                    {migration.version: rehearsal_text(rows, migration.version) for migration in asked},
                )
                ownership = run.ownership
                if ownership is not None:
                    # Nobody else may take the target while a person thinks.
                    deployment.renew(
                        connection,
                        ownership.deployment_id,
                        ownership.fence,
                        f"waiting for the approval of {asked[0].stem}",
                        good_for=settings().approval_timeout,
                    )
        log.info("%s", self.subject)
        for line in self.body.splitlines():
            log.info("%s", line)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write who decided what about which text; a rejection fails the task."""
        chosen = (event.get("chosen_options") or ["nothing"])[0]
        by = event.get("responded_by_user") or {}
        name = by.get("name") or by.get("id") or "nobody" if isinstance(by, dict) else str(by)
        approved = chosen == self.APPROVE
        outcome = "nobody answered" if "error" in event else "approved" if approved else "rejected"
        with told_plainly():
            run = read_run(context)
            asked = self._asked(run, context)
            with run.target.session("approve") as connection:
                for migration in asked:
                    evidence.record(
                        connection,
                        run.deployment_id,
                        "approval",
                        migration.stem,
                        outcome,
                        detail={"by": name, "bundle_hash": migration.bundle_hash},
                        version=migration.version,
                    )
                if run.ownership is not None:
                    deployment.renew(
                        connection,
                        run.ownership.deployment_id,
                        run.ownership.fence,
                        outcome,
                        good_for=run.ownership.good_for,
                    )
        if "error" in event:
            raise AirflowFailException(f"nobody answered in time: {event['error']}")
        if not approved:
            raise AirflowFailException(str(ApprovalRejectedError(", ".join(m.stem for m in asked), name)))
        log.info("approved by %s", name)
        return {"approved_by": name}

    def _asked(self, run: Run, context: Any) -> tuple[Migration, ...]:
        """The pinned migrations of this task that the policy asks about."""
        if run.ownership is None:
            log.info("nothing to approve: a dry run")
            return ()
        with run.target.session("approve") as connection:
            pinned = plan.pinned(connection, run.deployment_id)
        mine: Sequence[str] = (
            [self.version] if self.version else versions_without_group(context["dag"], [p.version for p in pinned])
        )
        policy = run.approval
        wanted = [p for p in pinned if p.version in mine and _must_ask(p.risk, policy)]
        if not wanted:
            log.info("nothing to approve: %s", f"approval is {policy}" if mine else "no migration is without a group")
        return tuple(run.migration(p.version) for p in wanted)


def _must_ask(risk: str, policy: Approval) -> bool:
    return policy == "all" or (policy == "risky" and risk in _RISKY)


def _reason(migration: Migration, policy: Approval) -> str:
    return f"risk {migration.manifest.risk}, and approval is {policy}"
