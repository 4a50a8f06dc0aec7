"""What the server says of a body: its refusals, and where in the body they point."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.errors import Diagnostic

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import Refusal

GONE = frozenset({"42P01", "42703", "42883", "42704", "3F000"})
"""The SQLSTATEs of a name that stands for nothing."""
_IN_QUOTES = re.compile(r'"(?:[^"]*\.)?([^".]+)"')


@dataclass(frozen=True)
class Problem:
    """What the server does not take, and the part of the body that it is in.

    `by_extension`: plpgsql_check alone says so. It is wrong about some right bodies, so only what it says anew of the same text counts.
    """

    statement: str
    refusal: Refusal
    by_extension: bool = False

    def finding(self, effect: Effect, subject: str, sentence: str, *, roles: tuple[str, ...] = ()) -> WorkloadFinding:
        """The finding that the subject has this problem, with the line and the word that the server points at."""
        line, caret = self.refusal.line_in(self.statement)
        return WorkloadFinding(
            effect,
            subject,
            sentence,
            roles=roles,
            sqlstate=self.refusal.sqlstate,
            token=self.refusal.token_in(self.statement),
            line=without_secrets(line),
            caret=caret,
            is_drop=self.refusal.sqlstate in GONE,
        )


def new_problems(before: Iterable[Problem], after: Iterable[Problem]) -> list[Problem]:
    """Those after that were not there before: no problem with this SQLSTATE in the same statement. What came late is none."""
    known = {(each.statement, each.refusal.sqlstate) for each in before}
    return [
        each for each in after if not each.refusal.says_nothing and (each.statement, each.refusal.sqlstate) not in known
    ]


@dataclass(frozen=True)
class BodyAnswer:
    """What the server says of one body, or of a job's command; `reason` says why its statements could not be looked at.

    `declarations` is what the server then said of them: within a session it keeps what it compiled, and so may have taken them.
    """

    problems: tuple[Problem, ...] = ()
    reason: str = ""
    declarations: Problem | None = None


def fewest_problems(answers: Iterable[BodyAnswer]) -> BodyAnswer:
    """The answer with the fewest problems, the first of equals: one of several search paths is the application's."""
    best: BodyAnswer | None = None
    for answer in answers:
        if best is None or _order(answer) < _order(best):
            best = answer
        if not answer.problems and not answer.reason:
            break
    return best or BodyAnswer()


def _order(answer: BodyAnswer) -> tuple[bool, int]:
    return bool(answer.reason), len(answer.problems)


def message_of(diag: Diagnostic) -> str:
    """The server's message on one line, without what looks like a secret."""
    return without_secrets(one_line(diag.message_primary or ""))


def problem_of(diag: Diagnostic, source: str) -> Problem:
    """The problem that the server has with a body as a whole."""
    place = int(diag.internal_position) - 1 if diag.internal_position and diag.internal_query == source else None
    return make_problem(source, diag.sqlstate or "", message_of(diag), place)


def make_problem(text: str, sqlstate: str, message: str, place: int | None, *, by_extension: bool = False) -> Problem:
    """A problem in a text. If the server gives no place in it, the place is that of the name in the message, if the text has it."""
    at = _place_of_name(message, text) if place is None else place
    return Problem(text, Refusal(sqlstate, message, at), by_extension)


def _place_of_name(message: str, text: str) -> int | None:
    for name in reversed(_IN_QUOTES.findall(message.partition(" of relation ")[0])):
        if found := re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text, re.IGNORECASE):
            return found.start()
    return None
