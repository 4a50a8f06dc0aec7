"""The steps that wait for a person, as Airflow knows them. What they ask is in approval and rollback_tasks, which bring the engine:
they are imported when a task runs, not while a DAG file is parsed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from pg_deploy.configuration.installation import settings
from pg_deploy.tasks.airflow_versions import waits_at_most
from pg_deploy.tasks.retries import tried_once_more

if TYPE_CHECKING:
    from pg_deploy.tasks.approval import Asking, Question

TEXT_CODE = "text_code"
"""The field of an answer that says which text it is to."""


class AskPerson(ApprovalOperator):
    """Ask what `asking` says, if anything. A rejection fails the task: if it only skipped, what follows would run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="Approve",
            body="",
            fail_on_reject=True,
            **tried_once_more(),
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
        code = (event.get("params_input") or {}).get(TEXT_CODE) or ""
        return self.asking().take_answer(event, str(code).strip(), context)

    def wait(self, question: Question, context: Any) -> Any:
        """Show it to a person, and wait for the answer, which carries the code of the text that it is to."""
        self.subject, self.body = question.subject, question.body
        self.params = ParamsDict(
            {TEXT_CODE: Param(question.code, _WHICH_TEXT, type="string", title="Answer to the text")}
        )
        return super().execute(context)


_WHICH_TEXT = (
    "Leave it as it is. Only if you are asked a second time: the code of the new text, which the log of this task shows; Airflow goes on "
    "showing the first one here."
)


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
