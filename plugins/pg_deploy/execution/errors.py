"""Failures of running statements, one class each."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.statements import Statement
from pg_deploy.presentation.secrecy import without_secrets


class ServerRefusedError(PgDeployError):
    """The server refused a statement of the engine itself, not of a migration."""

    def __init__(self, sqlstate: str | None, problem: str, remedy: str) -> None:
        super().__init__(
            f"the server refused what was asked of it: {problem} (SQLSTATE {sqlstate or 'none'}); {remedy}"
        )


class StatementFailedError(PgDeployError):
    """PostgreSQL refused a statement of a migration or a rollback."""

    def __init__(self, message: str, *, file: str, line: int, sqlstate: str | None) -> None:
        self.file = file
        self.line = line
        self.sqlstate = sqlstate
        super().__init__(message)

    @classmethod
    def from_server(
        cls,
        error: psycopg.Error,
        file: str,
        text: str,
        statement: Statement,
        duplicates: Sequence[str] = (),
        todo: str = "",
        *,
        is_written: bool = True,
    ) -> StatementFailedError:
        """The server's words with the file and the line, and with a caret if the server names the place.

        `duplicates` are the keys that are not unique. `todo` is the way out. `is_written`: somebody wrote the text, and can
        correct it.
        """
        diag = error.diag
        line, caret = statement.line, ""
        start = text.find(statement.sql)
        if diag.statement_position and start >= 0:
            place = start + int(diag.statement_position) - 1
            before = text[:place]
            line = before.count("\n") + 1
            column = place - (before.rfind("\n") + 1)
            source = text.splitlines()[line - 1] if text.splitlines() else ""
            caret = f"\n    {source.rstrip()}\n    {' ' * column}^\n"
        extra = "".join(
            f"; {label}: {' '.join(value.split()).rstrip('.')}"
            for label, value in (("detail", diag.message_detail), ("hint", diag.message_hint))
            if value
        )
        if duplicates:
            extra += f"; keys that occur more than once: {', '.join(duplicates)}"
        primary = " ".join((diag.message_primary or str(error)).split())
        then = f"{todo}\n  then trigger a new run" if todo else "correct the file and trigger a new run"
        # What to do comes last: below the place, if there is one.
        then = "" if not is_written else f"  {then}" if caret else f"; {then}"
        message = f'"{file}" line {line} failed: {primary} (SQLSTATE {error.sqlstate or "unknown"}){extra}{caret}{then}'.rstrip()
        return cls(without_secrets(message), file=file, line=line, sqlstate=error.sqlstate)


class LockNotObtainedError(PgDeployError):
    """A lock could not be obtained in many tries."""

    def __init__(self, summary: str, file: str, line: int, waited_s: float, blockers: Sequence[str]) -> None:
        behind = f", last blocked by {'; '.join(blockers)}" if blockers else ""
        super().__init__(
            f'"{summary}" ({file} line {line}) did not get its lock in {waited_s:.0f} s of tries{behind}; '
            "nothing of this transaction took effect: end the blocking session or choose a quieter hour, and trigger again"
        )


class LockBudgetExceededError(PgDeployError):
    """A transaction would hold a strong lock for longer than the budget."""

    def __init__(self, summary: str, file: str, line: int, budget_s: float, *, locked_by: int) -> None:
        whose = (
            f'"{summary}" ({file} line {line}) holds a strong lock'
            if locked_by == line
            else f"{file} line {locked_by} takes a strong lock, which the transaction holds to its end, and line {line} "
            f'("{summary}") goes on'
        )
        todo = (
            "split it into steps that do not block"
            if locked_by == line
            else f"put line {line} into a file of its own, which is a transaction of its own"
        )
        super().__init__(
            f"{whose} for longer than the lock budget of {budget_s:g} s without waiting for anybody, so it was aborted before the "
            f"application stalled: {todo}; if the application can wait that long, declare `holds_lock: <duration>` in the "
            "companion's migration.yaml"
        )


class HeldUpError(PgDeployError):
    """The statements were quick, but what we do beside them took so long that no try could commit within the budget."""

    def __init__(self, file: str, line: int, budget_s: float, waited_s: float) -> None:
        super().__init__(
            f"{file} line {line}: its statements were quick, but what is looked at before the commit took longer than the rest of "
            f"the lock budget of {budget_s:g} s, in each of the tries of {waited_s:.0f} s: nothing of this transaction took effect; "
            "trigger again when worker and server are less busy, or with a longer `lock_budget`"
        )


class InvalidIndexError(PgDeployError):
    """An index was built, but cannot be used."""

    def __init__(self, index: str) -> None:
        super().__init__(f'index "{index}" is in the catalog but invalid; roll back, which drops it, and deploy again')


class InvalidIndexInTheWayError(PgDeployError):
    """An invalid index of the wanted name existed before; `builder` is the pid that is building it right now, if any."""

    def __init__(self, index: str, builder: int | None = None) -> None:
        if builder is not None:
            super().__init__(
                f'index "{index}" is being built by somebody else right now, pid {builder}; wait until that build has ended, '
                "then trigger again, or give the migration's index another name"
            )
            return
        super().__init__(
            f'index "{index}" exists already and is invalid, left by an earlier failed build, and the migration would take '
            f"it for done; run `drop index concurrently {index};` and trigger again"
        )


class NotWatchedError(PgDeployError):
    """The locks of a statement show only while it runs, and no session could be opened to watch it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "what this part of the migration locks shows only when it runs, and no session could be opened to watch it, so it "
            f"was not begun: {reason}; free a connection, or raise the role's connection limit, then trigger again"
        )


class StandbyGoneError(PgDeployError):
    """Commits wait for a synchronous standby, and none is connected."""

    def __init__(self, names: str, waited_s: float) -> None:
        super().__init__(
            f'commits wait for a synchronous standby ("{names}") and none is connected, so a lock would be held until it is back: '
            f"nothing was begun after {waited_s:.0f} s; bring the standby back or change synchronous_standby_names, "
            "then trigger again"
        )


class UncertainStatementError(PgDeployError):
    """A statement outside a transaction may or may not have run, and no catalog shows it."""

    def __init__(self, summary: str, line: int) -> None:
        super().__init__(
            f'"{summary}" (line {line}) was begun by an earlier try, and the catalog does not show whether it took effect; '
            "look at the database, then finish it by hand and adopt the version with the DAG baseline_migrations "
            "(of a project: baseline_<name>) and finished_by_hand"
        )


class OldBackendError(PgDeployError):
    """A backend of an earlier try does not end."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(
            f"the backend of an earlier try, pid {', '.join(map(str, pids))}, does not end; end it with "
            "pg_terminate_backend as a superuser and trigger again"
        )


class StopRuleError(PgDeployError):
    """The server stayed too busy for the next segment."""

    def __init__(self, broken: str, waited_s: float) -> None:
        super().__init__(
            f"the next segment was not begun, because after {waited_s:.0f} s still {broken}; "
            "choose a quieter hour or raise the limit, and trigger again"
        )


class OtherDefinitionError(PgDeployError):
    """A valid index of the wanted name exists, but has another definition."""

    def __init__(self, index: str, present: str, wanted: str) -> None:
        super().__init__(
            f'index "{index}" exists already with another definition, `{present}` where the migration wants `{wanted}`; '
            "give the new index another name, or drop the old one in a migration of its own"
        )
