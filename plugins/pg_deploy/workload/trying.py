"""Statements that are run to see if they are refused: only then do defaults, triggers, bodies of functions and rules of views decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from operator import itemgetter

from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.kinds import ROUTINES
from pg_deploy.catalog.reader import Facts
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement, WorkloadFinding
from pg_deploy.parsing.expressions import call_name, nodes
from pg_deploy.workload.asking import FORBIDDEN
from pg_deploy.workload.body_answers import GONE
from pg_deploy.workload.jobs import Job
from pg_deploy.workload.measuring import Measured, ToMeasure

MOST = 200
"""How many statements are tried, at most. Those of a role that write the same and call the same are of one kind."""
_OF_ROWS = ("23502", "22P02", "428C9")
"""With these a new row is refused for what the statement leaves out, or for a default that is no longer a valid one."""
_OF_VALUES = ("21", "22", "23", "27", "44", "P0")
"""With these another row or another value may still be taken. Without an SQLSTATE, a null that was drawn may be the reason."""
_SEQUENCE_IS_USED_UP = "2200H"
_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def choose_to_try(asked: Iterable[ToMeasure], facts: tuple[Facts, Facts]) -> tuple[ToMeasure, ...]:
    """The statements that may be refused now: they write, or call functions that are no part of the server. Pure.

    First comes one of each kind that rests on what the migration between these facts made, changed or removed, then the others that
    do: each that it breaks is to be named. Last comes one of each kind that rests on nothing of it: the time may not do for all.
    """
    functions = {fact.identity.plain_name for fact in facts[0].facts if fact.kind in ROUTINES}
    found = compare(*facts)
    about = [(fact, fact.identity.of or fact.identity) for fact in (*found.removed, *found.new_facts)]
    # Roles and schemas decide about all that is looked up in them or sent by them.
    touches_all = any(fact.scope == "cluster" or of.kind == "schema" for fact, of in about)
    differing = found.keys | {(of.kind, of) for _, of in about}

    @cache
    def is_touched(text: str) -> bool:
        return touches_all or any(closure_of(side).of_text(text) & differing for side in facts)

    kinds: set[object] = set()
    ranked: list[tuple[int, ToMeasure]] = []
    for each in sorted(asked, key=lambda one: -one.statement.calls):
        if each.before.refusal is not None or each.after.refusal is not None:
            continue
        deeds = _writes_and_calls(each.before.form.text, functions)
        kind = (each.statement.role, each.before.form.path, deeds)
        is_first = kind not in kinds
        kinds.add(kind)
        if deeds and is_touched(each.statement.text):
            ranked.append((0 if is_first else 1, replace(each, is_tried=True)))
        elif deeds and is_first:
            ranked.append((2, replace(each, is_tried=True)))
    return tuple(each for _, each in sorted(ranked, key=itemgetter(0)))[:MOST]


def choose_jobs_to_try(before: Mapping[str, Job], after: Mapping[str, Job]) -> tuple[ToMeasure, ...]:
    """The queries of jobs that the server takes on both sides, word for word; each statement has its job's subject for its id. Pure."""
    return tuple(
        ToMeasure(RecordedStatement(subject, was.form.text, job.username), was, now, is_tried=True)
        for subject, job in before.items()
        if subject in after
        for was in job.taken
        for now in after[subject].taken
        if was.form.text == now.form.text
    )


def _writes_and_calls(text: str, functions: Collection[str]) -> frozenset[object]:
    """What it writes, with the columns that it gives, and what it calls."""
    try:
        return frozenset(_each_write_and_call(parse_sql(text), functions))
    except (ParseError, TooDeepError):
        return frozenset()


def _each_write_and_call(tree: object, functions: Collection[str]) -> Iterator[object]:
    for node in nodes(tree):
        kind = type(node).__name__
        if kind in _WRITES:
            relation = getattr(node, "relation", None)
            named = (relation.schemaname, relation.relname) if isinstance(relation, ast.RangeVar) else None
            targets = getattr(node, "cols", None) or getattr(node, "targetList", None) or ()
            yield kind, named, tuple(each.name for each in targets if isinstance(each, ast.ResTarget))
            yield kind, named, getattr(node, "onConflictClause", None) is not None
        elif isinstance(node, ast.FuncCall) and call_name(node)[1] in functions:
            yield call_name(node)


def refused_when_run(measured: Iterable[Measured], jobs: Collection[str]) -> Iterator[WorkloadFinding]:
    """What the server refuses after the migration only when it runs, with values with which it ran before. Pure.

    `jobs` are the ids that are subjects of jobs. A statement that was run twice, to try it and for its time, is one finding.
    """
    refused = {
        each.statement.id: each for each in measured if each.after.error is not None and each.before.error is None
    }
    for name, each in refused.items():
        sqlstate = each.refused_with or None
        is_drop = each.refused_with in {*GONE, "42P10"}
        if name in jobs:
            said, roles = f"{name} could run and fails now: {each.after.error}", (each.statement.role,)
            yield WorkloadFinding(Effect.JOB_BROKEN, name, said, roles=roles, sqlstate=sqlstate, is_drop=is_drop)
        else:
            said, effect = f"refused when it runs: {each.after.error}", _effect(each.refused_with)
            yield WorkloadFinding.about(each.statement, effect, said, sqlstate=sqlstate, is_drop=is_drop)


def _effect(sqlstate: str) -> Effect:
    """The effect of a refusal. What a row's values decide only the application knows: ours are those of rows that are there."""
    if sqlstate == FORBIDDEN:
        return Effect.FORBIDDEN
    if sqlstate in _OF_ROWS:
        return Effect.INSERT_REFUSED
    of_values = not sqlstate or (sqlstate.startswith(_OF_VALUES) and sqlstate != _SEQUENCE_IS_USED_UP)
    return Effect.MAY_BE_REFUSED if of_values else Effect.BROKEN
