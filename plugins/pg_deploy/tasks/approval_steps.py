"""The steps that wait for a person, as Airflow knows them. What they ask is in approval and rollback_tasks, which bring the engine:
they are imported when a task runs, not while a DAG file is parsed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from pg_deploy.configuration.installation import settings
from pg_deploy.tasks.airflow_versions import waits_at_most

if TYPE_CHECKING:
    from pg_deploy.tasks.approval import Asking


class AskPerson(ApprovalOperator):
    """Ask what `asking` says, if anything. A rejection fails the task: if it only skipped, what follows would run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="Approve",
            body="",
            fail_on_reject=True,
            retries=0,
            **waits_at_most(timedelta(seconds=settings().approval_timeout)),
            **kwargs,
        )

    def asking(self) -> Asking:
        """What is asked."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Ask, or say why there is nothing to ask."""
        return self.asking().ask(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write who decided what about which text; a rejection fails the task, and what has changed is asked again."""
        return self.asking().take_answer(event, context)

    def wait(self, subject: str, body: str, context: Any) -> Any:
        """Show it to a person, and wait for the answer."""
        self.subject, self.body = subject, body
        return super().execute(context)


class ApproveMigrations(AskPerson):
    """Ask about the risky ones among some migrations, and about those that nothing can undo.

    `version` None stands for all older migrations without a group of their own.
    """

    def __init__(self, *, version: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def asking(self) -> Asking:
        """About these migrations."""
        from pg_deploy.tasks.approval import AskAboutMigrations

        return AskAboutMigrations(self.wait, self.version)


class ApproveRollback(AskPerson):
    """Ask whether to undo: what goes, what would be lost, who changed it since, and the SQL that will run."""

    def asking(self) -> Asking:
        """About everything that this run pinned."""
        from pg_deploy.tasks.rollback_tasks import AskAboutRollback

        return AskAboutRollback(self.wait)
