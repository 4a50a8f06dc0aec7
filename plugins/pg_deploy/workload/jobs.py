"""The commands of pg_cron's jobs: which the server takes from the job's user, before and after a migration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pg_deploy.errors import PgDeployError
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.parsing.expressions import nodes
from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.tree import quoted
from pg_deploy.postgres.quoting import in_full, literal
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import Answer, Asker, Form, asking
from pg_deploy.workload.bodies import DEFAULT_PATHS
from pg_deploy.workload.body_answers import BodyAnswer, Problem, fewest_problems, make_problem, new_problems
from pg_deploy.workload.body_questions import BEGIN, READY, ProgramInContext, Questions
from pg_deploy.workload.plpgsql_program import Check, Program
from pg_deploy.workload.plpgsql_reading import program_of
from pg_deploy.workload.plpgsql_text import UnreadableBodyError

_ANSWERED = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
_OF_RELATIONS = ("RefreshMatViewStmt", "VacuumStmt", "ReindexStmt", "TruncateStmt", "ClusterStmt", "LockStmt")
_JOBS = """select pg_catalog.to_jsonb(j) ->> 'jobname', j.username::pg_catalog.text, j.command
from cron.job j
where j.active and j.database = pg_catalog.current_database()
order by j.jobid"""


@dataclass(frozen=True)
class Job:
    """A job's command and what the server does not take in it. `subject` is `cron job nightly`.

    `taken` are the server's answers to the queries in it that it takes.
    """

    subject: str
    username: str
    command: str
    problems: tuple[Problem, ...] = ()
    taken: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class _Statement:
    sql: str
    node: ast.Node
    path: str | None
    """The search_path that an earlier statement of the command has set."""


def read_jobs(connection: Connection, paths: Mapping[str, Sequence[str]] | None = None) -> dict[str, Job]:
    """The active jobs of this database by subject; none without pg_cron. The session must be a superuser's, in autocommit.

    `paths` are the search paths that a role's sessions may begin with; "" stands for any other role. Nothing of a command runs.
    """
    if connection.execute("select pg_catalog.to_regclass('cron.job')").fetchone() == (None,):
        return {}
    jobs = [Job(_subject(name, command), user, command) for name, user, command in connection.execute(_JOBS.encode())]
    # A name is unique for one user only.
    shared = [name for name, times in Counter(job.subject for job in jobs).items() if times > 1]
    jobs = [replace(job, subject=f"{job.subject} of {job.username}") if job.subject in shared else job for job in jobs]
    known = paths or {}
    tried = {job.subject: known.get(job.username) or known.get("") or DEFAULT_PATHS for job in jobs}
    statements = {job.subject: _statements(job.command) for job in jobs}
    with asking(connection) as asker:
        first = {job.subject: _ask(asker, job, statements[job.subject], tried[job.subject]) for job in jobs}
    connection.execute(f"{BEGIN}; {READY}".encode())
    try:
        questions = Questions(connection)
        second = {job.subject: _ask_by_program(questions, statements[job.subject], tried[job.subject]) for job in jobs}
    finally:
        if not (connection.closed or connection.broken):
            connection.execute("rollback")
    found = {}
    for job in jobs:
        problems, taken = first[job.subject]
        found[job.subject] = replace(job, problems=(*problems, *second[job.subject]), taken=taken)
    return found


def _subject(name: str | None, command: str) -> str:
    # A job's number is another one in the copy.
    return f"cron job {name}" if name else f"cron job: {without_secrets(one_line(command))[:80]}"


def compare_jobs(before: Mapping[str, Job], after: Mapping[str, Job]) -> tuple[WorkloadFinding, ...]:
    """A finding for each job that has a problem now and had not before, also if the migration changed its command."""
    findings = []
    for subject, job in after.items():
        earlier = before.get(subject)
        if earlier is None or (earlier.problems and earlier.command != job.command):
            continue
        for found in new_problems(earlier.problems, job.problems)[:1]:
            sentence = f"{subject} could run and fails now: {found.refusal.message}"
            findings.append(found.finding(Effect.JOB_BROKEN, subject, sentence, roles=(job.username,)))
    return tuple(findings)


def _statements(command: str) -> list[_Statement]:
    """The statements of a command; none if it cannot be parsed: then it fails before and after."""
    found: list[_Statement] = []
    path: str | None = None
    try:
        for raw in parse(command, file=""):
            node = parse_sql(raw.sql)[0].stmt
            if node is None:
                continue
            if type(node).__name__ == "VariableSetStmt" and getattr(node, "name", None) == "search_path":
                names = [
                    value.val.sval for value in getattr(node, "args", None) or () if isinstance(value.val, ast.String)
                ]
                path = ", ".join(in_full(name) for name in names if name) or None
            found.append(_Statement(raw.sql, node, path))
    except (PgDeployError, ParseError):
        return []
    return found


def _ask(
    asker: Asker, job: Job, statements: Sequence[_Statement], paths: Sequence[str]
) -> tuple[tuple[Problem, ...], tuple[Answer, ...]]:
    """The problems with the queries, as the job's user sends them, and the server's answers to those that it takes."""
    problems: list[Problem] = []
    taken: list[Answer] = []
    for each in statements:
        if type(each.node).__name__ in _ANSWERED:
            tried = (each.path,) if each.path is not None else paths
            answers = [asker.ask(job.username, Form(each.sql, path)) for path in tried]
            problems += fewest_problems(_body_answer(each.sql, answer) for answer in answers).problems
            taken += [answer for answer in answers if answer.refusal is None][:1]
    return tuple(problems), tuple(taken)


def _body_answer(text: str, answer: Answer) -> BodyAnswer:
    refusal = answer.refusal
    if refusal is None or refusal.says_nothing:
        return BodyAnswer()
    return BodyAnswer((make_problem(text, refusal.sqlstate, refusal.message, refusal.position),))


def _ask_by_program(
    questions: Questions, statements: Sequence[_Statement], paths: Sequence[str]
) -> tuple[Problem, ...]:
    """The problems with the statements that cannot be prepared: calls, DO, and those that name relations only."""
    problems: list[Problem] = []
    for each in statements:
        program = _program(each)
        if program is not None and program.checks:
            tried = (each.path,) if each.path is not None else paths
            seen = fewest_problems(
                questions.about_program(ProgramInContext(program), {"search_path": path}, each.sql) for path in tried
            )
            # A name that was looked up stands in our question: the job's own statement is shown instead.
            problems += [
                one
                if one.statement in each.sql and not one.statement.startswith("'")
                else make_problem(each.sql, one.refusal.sqlstate, one.refusal.message, None)
                for one in seen.problems
            ]
    return tuple(problems)


def _program(statement: _Statement) -> Program | None:
    kind, node = type(statement.node).__name__, statement.node
    if kind == "CallStmt":
        return Program([Check("", statement.sql)])
    if kind in _OF_RELATIONS:
        names = [
            quoted(each.schemaname or "", each.relname or "") for each in nodes(node) if isinstance(each, ast.RangeVar)
        ]
        return Program([Check("explain select ", f"{literal(name)}::pg_catalog.regclass") for name in names])
    if isinstance(node, ast.DoStmt):
        options = {getattr(each, "defname", ""): getattr(each, "arg", None) for each in node.args or ()}
        language = options.get("language")
        body = options.get("as")
        if isinstance(body, ast.String) and (not isinstance(language, ast.String) or language.sval == "plpgsql"):
            try:
                return program_of(body.sval or "", returns_rows=False)
            except (ParseError, UnreadableBodyError):
                return None
    return None
