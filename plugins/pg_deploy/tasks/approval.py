"""The step that waits for a person, bound to exactly the text that was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf as airflow_conf
from airflow.providers.standard.operators.hitl import ApprovalOperator

from pg_deploy.approval.lend_target import is_prepared, keep_prepared, lend_target, regain_target
from pg_deploy.approval.permission import is_one_of, is_somebody_else, judge_all
from pg_deploy.deployment.errors import AppliedMeanwhileError
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.evidence import Kind, Piece
from pg_deploy.ledger.kinds import approval as kinds
from pg_deploy.ledger.kinds.approval import Answer, Answered
from pg_deploy.ledger.kinds.run import PassedOver
from pg_deploy.postgres.server_identity import Server, writable_session
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.migration_standings import read_state
from pg_deploy.preflight.plan_text import MigrationToApprove, joint_approval_text
from pg_deploy.presentation.addresses import run_page
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.projects.errors import NotAnApproverError
from pg_deploy.rehearsal.rehearsal_text import rehearsal_text, rehearsal_verdict, rehearsed_workload
from pg_deploy.tasks.airflow_versions import AirflowFailException
from pg_deploy.tasks.backup_tasks import rehearse_pinned, take_backup_of
from pg_deploy.tasks.errors import ApprovalRejectedError, SamePersonError
from pg_deploy.tasks.groups import versions_without_group
from pg_deploy.tasks.notices import send_notice
from pg_deploy.tasks.run import Run, failing_plainly, log, read_run

_HOW_TO_ANSWER = (
    "Answer it in the Airflow UI, under Required Actions of that run. Others may deploy meanwhile: what has changed by then is "
    "named, rehearsed and asked about again."
)
_HOW_TO_ANSWER_AGAIN = (
    "Airflow goes on showing the first text under Required Actions. Read the new one in the log of this task, and answer with its "
    "code, {code}: an answer without it does not count."
)


@dataclass(frozen=True)
class Question:
    """What a person is asked: the text, and which stems with which hash of their content it is about."""

    subject: str
    body: str
    about: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """The sha256 of all that is shown: an answer counts for this and nothing else."""
        return hashlib.sha256(f"{self.subject}\n{self.body}\n{self.about}".encode()).hexdigest()

    @property
    def code(self) -> str:
        """A short name of the text, for a person to write."""
        return self.digest[:8]


Wait = Callable[[Question, Any], Any]
"""Let Airflow show a question, and wait for an answer: `approval_steps.AskPerson`."""


@dataclass(frozen=True)
class Asking:
    """Ask what `question` says; returns at once if it has nothing to ask. Who decided what is kept as evidence."""

    wait: Wait

    def question(self, run: Run, context: Any) -> Question | None:
        """The question, or None if there is nothing to ask; it says so in the log."""
        raise NotImplementedError

    def prepare_again(self, run: Run, context: Any) -> None:
        """Make anew what a question rests on: the database is not what it was when the last one was asked."""

    def run_of(self, context: Any) -> Run:
        """The run behind an Airflow context."""
        return read_run(context)

    def ask(self, context: Any) -> Any:
        """Ask, or say why there is nothing to ask."""
        with failing_plainly():
            run = self.run_of(context)
            if run.ownership is not None and not self._is_prepared(run):
                log.warning(
                    "the database is not what it was when this was asked, and what the question rests on is made anew"
                )
                self._prepare_again(run, context)
            asked = self.question(run, context)
            if asked is None:
                return None
        return self._ask(run, asked, context)

    def _ask(self, run: Run, asked: Question, context: Any) -> Any:
        with failing_plainly(), self._ledger(run) as (connection, _):
            # An answer is about what is shown now. If any of it has changed by then, the question is asked again.
            for stem, bundle_hash in asked.about:
                self._record(connection, run, Kind.APPROVAL_ASKED, kinds.Asked(stem, bundle_hash, asked.digest))
            is_first = self._is_first(connection, run, asked)
            if run.ownership is not None:
                # A person may think for a day: whoever else has something to deploy does not wait for that.
                lend_target(connection, run.target, run.ownership, f"waiting for the approval of {asked.about[0][0]}")
        log.info("%s", asked.subject)
        log.info("the code of this text is %s", asked.code)
        # As a whole: a secret may stand in the line below its word. Who is asked sees all of it.
        for line in without_secrets(asked.body).splitlines():
            log.info("%s", line)
        how = _HOW_TO_ANSWER if is_first else _HOW_TO_ANSWER_AGAIN.format(code=asked.code)
        if not is_first:
            log.warning("%s", how)
        send_notice(f"{run.target.name}: an approval waits: {asked.subject}", how, context)
        return self.wait(asked, context)

    def take_answer(self, event: dict[str, Any], code: str, context: Any) -> Any:
        """Write who decided what about which text; a rejection fails the task, and what has changed is asked again.

        `code` names the text that the answer is to, "" if it names none.
        """
        chosen = (event.get("chosen_options") or ["nothing"])[0]
        by = event.get("responded_by_user") or {}
        person = by if isinstance(by, dict) else {"name": str(by)}
        name = person.get("name") or person.get("id") or "nobody"
        approved = chosen == ApprovalOperator.APPROVE and "error" not in event
        outcome = Answer.NOBODY if "error" in event else Answer.APPROVED if approved else Answer.REJECTED
        answered = Answered("", outcome, name, person.get("id"), "")
        with failing_plainly():
            run = self.run_of(context)
            actor = run.identity.actor
            approvers = run.project.approvers
            not_an_approver = approved and not is_one_of(answered, approvers)
            same_person = approved and run.four_eyes and not is_somebody_else(answered, actor)
            if not_an_approver or same_person:
                outcome = Answer.NOT_AN_APPROVER if not_an_approver else Answer.SAME_PERSON
            changes = self._regain(run, outcome) if outcome == Answer.APPROVED else ()
            asked = self.question(run, context)
            about = asked.about if asked else ()
            stems = ", ".join(stem for stem, _ in about)
            with self._ledger(run) as (connection, _):
                not_counted = None
                if approved and changes:
                    not_counted = Answer.DATABASE_CHANGED
                elif approved and asked is not None and not self._was_shown(connection, run, asked):
                    not_counted = Answer.TEXT_CHANGED
                elif approved and asked is not None and not self._is_to(connection, run, asked, code):
                    not_counted = Answer.FIRST_TEXT
                outcome = not_counted or outcome
                for stem, bundle_hash in about:
                    answer = replace(answered, name=stem, outcome=outcome, bundle_hash=bundle_hash)
                    self._record(connection, run, Kind.APPROVAL, answer)
        if "error" in event:
            raise AirflowFailException(f"nobody answered in time: {event['error']}")
        if not_counted:
            return self._ask_again(run, changes, stems, str(name), context)
        if not_an_approver:
            raise AirflowFailException(str(NotAnApproverError(stems, str(name), approvers)))
        if same_person:
            raise AirflowFailException(str(SamePersonError(stems, str(name), actor)))
        if not approved:
            raise AirflowFailException(str(ApprovalRejectedError(stems, str(name))))
        log.info("approved by %s", name)
        return {"approved_by": name}

    def _regain(self, run: Run, phase: str) -> tuple[str, ...]:
        if run.ownership is None:
            return ()
        give_up_after = run.conf.give_up_after
        with self._ledger(run) as (connection, _):
            return regain_target(
                connection,
                run.target,
                run.ownership,
                phase,
                give_up_after=give_up_after,
                log=log,
                is_over=run.identity.is_over,
            )

    def _ask_again(self, run: Run, changes: Sequence[str], stems: str, name: str, context: Any) -> Any:
        with failing_plainly():
            if changes:
                log.warning("the database is not what it was when %s was asked:", name)
                for line in changes:
                    log.warning("  %s", line)
                self._prepare_again(run, context)
            else:
                log.warning("what %s answered to has changed since it was shown: %s is asked about again", name, stems)
            asked = self.question(run, context)
        return None if asked is None else self._ask(run, asked, context)

    def _is_prepared(self, run: Run) -> bool:
        with self._ledger(run) as (connection, _):
            return is_prepared(connection, run.deployment_id)

    def _prepare_again(self, run: Run, context: Any) -> None:
        """Prepare again; a try that is cut off is known as such, and the next one begins with it."""
        self.prepare_again(run, context)
        with self._ledger(run) as (connection, _):
            keep_prepared(connection, run.deployment_id)

    def _ledger(self, run: Run) -> AbstractContextManager[tuple[Connection, Server]]:
        return writable_session(run.target, "approve", give_up_after=run.conf.give_up_after, log=log)

    def _was_shown(self, connection: Connection, run: Run, asked: Question) -> bool:
        """Whether what would be asked now, letter by letter, is what was asked last."""
        rows = evidence.of_deployment(connection, run.deployment_id, Kind.APPROVAL_ASKED)
        newest = {row.name: kinds.Asked.from_row(row).shown for row in rows}
        return all(newest.get(stem) == asked.digest for stem, _ in asked.about)

    def _is_first(self, connection: Connection, run: Run, asked: Question) -> bool:
        """Whether no other text was ever asked about: Airflow goes on showing a task's first one, whatever it is told later."""
        rows = evidence.of_deployment(connection, run.deployment_id, Kind.APPROVAL_ASKED)
        oldest = {row.name: kinds.Asked.from_row(row).shown for row in reversed(rows)}
        return all(oldest.get(stem) == asked.digest for stem, _ in asked.about)

    def _is_to(self, connection: Connection, run: Run, asked: Question, code: str) -> bool:
        """Whether an answer with this code is to this text; one without any is to what Airflow shows."""
        return code == asked.code if code else self._is_first(connection, run, asked)

    def _record(self, connection: Connection, run: Run, kind: Kind, piece: Piece) -> None:
        evidence.record(connection, run.deployment_id, kind, piece, version=piece.name.split("_", 1)[0])


def page_of(context: Any) -> str:
    """The address of this run's own page."""
    base = urlsplit(airflow_conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    dag_run = context["dag_run"]
    return base + run_page(dag_run.dag_id, dag_run.run_id)


@dataclass(frozen=True)
class AskAboutMigrations(Asking):
    """Ask about the risky ones among some migrations, and about those that nothing can undo.

    `version` None stands for all older migrations without a group of their own.
    """

    version: str | None

    def prepare_again(self, run: Run, context: Any) -> None:
        """A backup of what is there now, and a rehearsal of what is left to do on a copy made from it.

        Raises AppliedMeanwhileError if nothing is left of what this task asks about.
        """
        with run.target.session("approve") as connection:
            if self.version and read_state(connection, [self.version]).standing(self.version).is_in_place:
                pinned = pins.pinned_version(connection, run.deployment_id, self.version)
                raise AppliedMeanwhileError(pinned.stem if pinned else self.version)
        take_backup_of(run)
        rehearse_pinned(run)

    def question(self, run: Run, context: Any) -> Question | None:
        """About the pinned migrations of this task that the policy asks about, as far as nobody has deployed them meanwhile."""
        if run.ownership is None:
            log.info("nothing to approve: a dry run")
            return None
        with run.target.session("approve") as connection:
            pinned = pins.pinned(connection, run.deployment_id)
        mine: Sequence[str] = (
            [self.version] if self.version else versions_without_group(context["dag"], [p.version for p in pinned])
        )
        policy = run.approval
        if policy == "none" or not any(each.version in mine for each in pinned):
            log.info("nothing to approve: %s", f"approval is {policy}" if mine else "no migration is without a group")
            return None
        with run.target.session("approve") as connection:
            rows = evidence.of_deployment(connection, run.deployment_id)
            state = read_state(connection, [each.version for each in pinned])
        wanted = [
            (each, run.migration(each.version))
            for each in pinned
            if each.version in mine and not state.standing(each.version).is_in_place
        ]
        with run.target.session("approve") as connection:
            found = judge_all(connection, run.deployment_id, wanted, run.demands)
        asked = []
        for (each, migration), judged in zip(wanted, found, strict=True):
            if judged.must_ask:
                reason = f"risk {judged.risk}, and approval is {policy}"
                text, verdict = rehearsal_text(rows, each.version), rehearsal_verdict(rows, each.version)
                breaks = rehearsed_workload(rows, each.version)
                asked.append(
                    MigrationToApprove(
                        migration, reason, judged.risk, judged.reasons, text, verdict, judged.lock_lint, breaks
                    )
                )
        if not asked:
            log.info("nothing to approve: approval is %s", policy)
            return None
        hashes = {each.version: each.bundle_hash for each in pinned}
        return Question(
            f"Deploy {', '.join(each.migration.stem for each in asked)}?",
            joint_approval_text(
                asked,
                page=page_of(context),
                commit=run.identity.commit,
                passed_over=[
                    name for row in rows if row.kind == Kind.PASSED_OVER for name in PassedOver.from_row(row).names
                ],
            ),
            tuple((each.migration.stem, hashes[each.migration.version]) for each in asked),
        )
