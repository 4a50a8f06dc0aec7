"""The bodies of functions and procedures, trigger functions included: which the server takes, before and after a migration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.asking import Refusal
from pg_deploy.workload.body_answers import BodyAnswer, Problem, fewest_problems, new_problems
from pg_deploy.workload.body_questions import BEGIN, READY, Questions
from pg_deploy.workload.plpgsql_check import ask_plpgsql_check, begin_plpgsql_check
from pg_deploy.workload.routines import Routine, TriggerTable, read_routines

DEFAULT_PATHS = ('"$user", public, extensions',)


@dataclass(frozen=True)
class Body:
    """A body and what the server does not take in it. `reason` says why its statements could not be looked at.

    `subject` is `function public.f(integer)`; of a trigger function `function public.f() on public.orders`, for each table.
    `routine` is its kind and name alone.
    """

    subject: str
    routine: str
    definition_hash: str
    problems: tuple[Problem, ...] = ()
    reason: str = ""
    declarations: Problem | None = None

    @property
    def problem(self) -> Refusal | None:
        """The first refusal that not only the extension says; None if the body is right."""
        return next((each.refusal for each in self.problems if not each.by_extension), None)

    @property
    def statement(self) -> str:
        """The part of the body that this refusal is about."""
        return next((each.statement for each in self.problems if not each.by_extension), "")


def read_bodies(
    connection: Connection, paths: Sequence[str] = DEFAULT_PATHS, *, with_extension: bool = True
) -> dict[str, Body]:
    """All bodies by subject. The session must be a superuser's, in autocommit; nothing of it stays.

    `paths` are the search paths that sessions may have, for routines that set none; a body is right if it is under one of them.
    With `with_extension`, plpgsql_check is asked as well where the server has it. Raises only if the connection is lost.
    """
    connection.execute(BEGIN.encode())
    try:
        routines = read_routines(connection)
        extension = begin_plpgsql_check(connection) if with_extension else ""
        connection.execute(READY)
        bodies = {}
        for routine in routines:
            for table in routine.tables or (None,):
                tried = ("",) if "search_path" in routine.settings else paths
                seen = fewest_problems(_seen(connection, extension, routine, path, table) for path in tried)
                subject = f"{routine.printed} on {table.name}" if table else routine.printed
                named = f"{routine.kind} {routine.full_name}"
                bodies[subject] = Body(
                    subject, named, routine.definition_hash, seen.problems, seen.reason, seen.declarations
                )
        return bodies
    finally:
        if not (connection.closed or connection.broken):
            connection.execute("rollback")


def _seen(
    connection: Connection, extension: str, routine: Routine, path: str, table: TriggerTable | None
) -> BodyAnswer:
    questions = Questions(connection)
    if routine.language == "sql":
        return questions.about_sql(routine, path)
    seen = questions.about_plpgsql(routine, path, table)
    # The extension can tell nothing of a trigger function without a table.
    if not extension or seen.declarations or (routine.result == "trigger" and table is None):
        return seen
    known = {(each.refusal.sqlstate, each.refusal.message) for each in seen.problems}
    asked = ask_plpgsql_check(connection, extension, routine, path, table)
    more = [each for each in asked.problems if (each.refusal.sqlstate, each.refusal.message) not in known]
    return replace(seen, problems=(*seen.problems, *more))


def compare_bodies(before: Mapping[str, Body], after: Mapping[str, Body]) -> tuple[WorkloadFinding, ...]:
    """A finding for each body that was right and has a problem now, and for each new problem of a body that is as it was.

    A new body counts if it took the place of a right one: a body of its name is gone.
    """
    gone: dict[str, list[Body]] = {}
    for subject, body in before.items():
        if subject not in after:
            gone.setdefault(body.routine, []).append(body)
    findings = []
    for subject, body in after.items():
        earlier = [before[subject]] if subject in before else gone.get(body.routine, [])
        if any(each.reason for each in earlier) or not earlier:
            continue
        same = all(each.definition_hash == body.definition_hash for each in earlier)
        # What is wrong in a body of another text need not be what was wrong in the old one.
        if not same and any(each.problem for each in earlier):
            continue
        new = new_problems((each for one in earlier for each in one.problems), body.problems)
        if not same:
            new = [each for each in new if not each.by_extension]
        elif body.declarations:
            # What was taken before, word for word, is not taken any more.
            new.append(body.declarations)
        if new:
            findings.append(_finding(subject, new))
    return tuple(findings)


def new_and_broken(before: Mapping[str, Body], after: Mapping[str, Body]) -> tuple[str, ...]:
    """A sentence for each body that the migration made, that has a problem, and that took no other body's place."""
    gone = {body.routine for subject, body in before.items() if subject not in after}
    return tuple(
        f"{subject} is new, and not right: {body.problem.message}"
        for subject, body in after.items()
        if body.problem is not None and subject not in before and body.routine not in gone
    )


def _finding(subject: str, problems: Sequence[Problem]) -> WorkloadFinding:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    sentence = f"{subject} was right and is broken now: {problems[0].refusal.message}{more}"
    return problems[0].finding(Effect.BODY_BROKEN, subject, sentence)
