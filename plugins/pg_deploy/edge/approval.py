"""The step that waits for a person, bound to exactly the text that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from pg_deploy.conf import Approval
from pg_deploy.edge.groups import versions_without_group
from pg_deploy.edge.notices import send
from pg_deploy.edge.run import UNKNOWN_ACTOR, Run, log, read_run, told_plainly
from pg_deploy.errors import ApprovalRejectedError, SamePersonError
from pg_deploy.ledger import deployment, evidence, plan
from pg_deploy.ledger.plan import Pinned
from pg_deploy.lock_lint import lock_lint_lines
from pg_deploy.migrations.migration import Migration
from pg_deploy.rehearsal.text import rehearsal_text
from pg_deploy.reporting.plan_text import PASSED_OVER, several_text
from pg_deploy.server.readers_elsewhere import elsewhere_findings
from pg_deploy.settings import settings

_WHERE = "Answer it in the Airflow UI, under Required Actions of that run; nobody else can deploy meanwhile."
_RISKY = ("medium", "high", "unknown")


@dataclass(frozen=True)
class Question:
    """What a person is asked: the text, and which stems with which hash of their content it is about."""

    subject: str
    body: str
    about: tuple[tuple[str, str], ...]


class AskPerson(ApprovalOperator):
    """Ask what `question` says; returns at once where it has nothing to ask.

    A rejection fails the task: if it only skipped, what follows would run. Who decided what is kept as evidence.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="Approve",
            body="",
            fail_on_reject=True,
            retries=0,
            response_timeout=timedelta(seconds=settings().approval_timeout),
            **kwargs,
        )

    def question(self, run: Run, context: Any) -> Question | None:
        """The question, or None where there is nothing to ask; it says so in the log."""
        raise NotImplementedError

    def run_of(self, context: Any) -> Run:
        """The run behind an Airflow context."""
        return read_run(context)

    def execute(self, context: Any) -> Any:
        """Ask, or say why there is nothing to ask."""
        with told_plainly():
            run = self.run_of(context)
            asked = self.question(run, context)
            if asked is None:
                return None
            self.subject, self.body = asked.subject, asked.body
            with run.target.session("approve") as connection:
                ownership = run.ownership
                if ownership is not None:
                    # Nobody else may take the target while a person thinks.
                    deployment.renew(
                        connection,
                        ownership.deployment_id,
                        ownership.fence,
                        f"waiting for the approval of {asked.about[0][0]}",
                        good_for=settings().approval_timeout,
                    )
        log.info("%s", self.subject)
        for line in self.body.splitlines():
            log.info("%s", line)
        send(f"{run.target.name}: an approval waits: {self.subject}", _WHERE, context)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write who decided what about which text; a rejection fails the task."""
        chosen = (event.get("chosen_options") or ["nothing"])[0]
        by = event.get("responded_by_user") or {}
        name = by.get("name") or by.get("id") or "nobody" if isinstance(by, dict) else str(by)
        approved = chosen == self.APPROVE
        outcome = "nobody answered" if "error" in event else "approved" if approved else "rejected"
        with told_plainly():
            run = self.run_of(context)
            actor = run.identity.actor
            alone = outcome == "approved" and run.four_eyes and not _is_somebody_else(by, actor)
            if alone:
                outcome = "refused: approved by who triggered"
            asked = self.question(run, context)
            about = asked.about if asked else ()
            with run.target.session("approve") as connection:
                for stem, bundle_hash in about:
                    evidence.record(
                        connection,
                        run.deployment_id,
                        "approval",
                        stem,
                        outcome,
                        detail={"by": name, "bundle_hash": bundle_hash},
                        version=stem.split("_", 1)[0],
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
        if alone:
            raise AirflowFailException(str(SamePersonError(", ".join(stem for stem, _ in about), name, actor)))
        if not approved:
            raise AirflowFailException(str(ApprovalRejectedError(", ".join(stem for stem, _ in about), name)))
        log.info("approved by %s", name)
        return {"approved_by": name}


def _is_somebody_else(answered: object, actor: str) -> bool:
    """Whether it is known that who answered is not who triggered; what is not known does not count."""
    said = answered if isinstance(answered, dict) else {"name": answered}
    names = {str(said[key]).casefold() for key in ("id", "name") if said.get(key)}
    return bool(names) and actor != UNKNOWN_ACTOR and actor.casefold() not in names


class ApproveMigrations(AskPerson):
    """Ask about the risky ones among some migrations, and about those that nothing can undo.

    `version` None stands for all older migrations without a group of their own.
    """

    def __init__(self, *, version: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    def question(self, run: Run, context: Any) -> Question | None:
        """About the pinned migrations of this task that the policy asks about."""
        if run.ownership is None:
            log.info("nothing to approve: a dry run")
            return None
        with run.target.session("approve") as connection:
            pinned = plan.pinned(connection, run.deployment_id)
            server_version = connection.info.server_version
        mine: Sequence[str] = (
            [self.version] if self.version else versions_without_group(context["dag"], [p.version for p in pinned])
        )
        policy = run.approval
        wanted = [(each, run.migration(each.version)) for each in pinned if each.version in mine and policy != "none"]
        with run.target.session("approve") as connection:
            elsewhere = elsewhere_findings(connection, [found for _, found in wanted])
        said = lock_lint_lines(
            [found.file.sql for _, found in wanted],
            server_version=server_version,
            also=[elsewhere[found.version] for _, found in wanted],
        )
        lints = {found.version: lines for (_, found), lines in zip(wanted, said, strict=True)}
        asked = [
            (each, found)
            for each, found in wanted
            if _must_ask(each.risk, policy) or _is_unprotected(each, found) or lints[found.version][1]
        ]
        if not asked:
            log.info("nothing to approve: %s", f"approval is {policy}" if mine else "no migration is without a group")
            return None
        migrations = [migration for _, migration in asked]
        with run.target.session("approve") as connection:
            rows = evidence.of_deployment(connection, run.deployment_id)
        return Question(
            f"Deploy {', '.join(migration.stem for migration in migrations)}?",
            several_text(
                migrations,
                [_reason(each, migration, policy, locks=lints[migration.version][1]) for each, migration in asked],
                {migration.version: rehearsal_text(rows, migration.version) for migration in migrations},
                {version: lines for version, (lines, _) in lints.items()},
                [name for row in rows if row.kind == PASSED_OVER for name in row.detail["names"]],
            ),
            tuple((each.stem, each.bundle_hash) for each, _ in asked),
        )


def _is_unprotected(pinned: Pinned, migration: Migration) -> bool:
    """Whether nothing undoes it, and its author did not declare that."""
    return pinned.rollback is None and migration.manifest.rollback != "none"


def _must_ask(risk: str, policy: Approval) -> bool:
    return policy == "all" or (policy == "risky" and risk in _RISKY)


def _reason(pinned: Pinned, migration: Migration, policy: Approval, *, locks: bool) -> str:
    unprotected = "no rollback that was proven, " if _is_unprotected(pinned, migration) else ""
    errors = "errors of the lock lint, " if locks else ""
    return f"{unprotected}{errors}risk {migration.manifest.risk}, and approval is {policy}"
