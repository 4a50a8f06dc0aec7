"""The workload proof of one migration: ask before it, ask after it, compare."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.workload import (
    GATING,
    Effect,
    RecordedStatement,
    Tally,
    Workload,
    WorkloadFinding,
    WorkloadOutcome,
    WorkloadProof,
    packed,
)
from pg_deploy.postgres.session import Target
from pg_deploy.workload.asking import Answer, Form, asking
from pg_deploy.workload.body_inserts import body_inserts
from pg_deploy.workload.inserts import new_demands
from pg_deploy.workload.judging import ChangedNames, judge, worst_first
from pg_deploy.workload.mending import find_form
from pg_deploy.workload.row_rights import RowRights, read_row_rights
from pg_deploy.workload.session_paths import read_session_paths

_BY_PLAN = (Effect.MAY_BE_REFUSED, Effect.COSTLIER, Effect.CHEAPER, Effect.AS_BEFORE)
MOST_KEPT = 300
"""How many findings are kept in full; the tallies count the others too."""


@dataclass(frozen=True)
class AskedStatement:
    """One statement as it was asked: the answer, and which of its role's search paths it was asked with."""

    statement: RecordedStatement
    answer: Answer
    kind: int


@dataclass(frozen=True)
class SideAnswers:
    """All answers of one side, by the statement's id, and how long it took, in seconds."""

    workload: Workload
    asked: Mapping[str, AskedStatement]
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())
    rights: RowRights = field(default=RowRights())


def ask_before(target: Target, workload: Workload, log: logging.Logger) -> SideAnswers:
    """Find for each statement a form in which the server takes it, on the side before. Nothing is run.

    `target` is a superuser's on a private copy; another role may ask only as the roles that it is a member of.
    """
    started = time.monotonic()
    asked = {}
    with target.session("workload") as connection:
        paths = read_session_paths(connection)
        rights = read_row_rights(connection, (each.role for each in workload.statements))
        with asking(connection) as asker:
            for each in _by_session(workload.statements):
                found = find_form(asker, each.role, each.text, paths.of(each.role))
                asked[each.id] = AskedStatement(each, found.answer, found.kind)
    seconds = time.monotonic() - started
    log.info("  workload: %s recorded statements asked in %s", f"{len(asked):,}", format_duration(seconds))
    return SideAnswers(workload, asked, seconds, _notes_on_paths(asked.values()), rights)


def ask_again(target: Target, before: SideAnswers) -> SideAnswers:
    """Ask the same statements in the same forms, each with what its role's sessions begin with now."""
    started = time.monotonic()
    asked = {}
    with target.session("workload") as connection:
        paths = read_session_paths(connection)
        rights = read_row_rights(connection, (each.role for each in before.workload.statements))
        with asking(connection) as asker:
            for each in before.asked.values():
                now = paths.of(each.statement.role)
                form = each.answer.form
                path = now[each.kind] if each.kind < len(now) else form.path
                answer = asker.ask(each.statement.role, Form(form.text, path, form.types))
                asked[each.statement.id] = AskedStatement(each.statement, answer, each.kind)
    return SideAnswers(before.workload, asked, time.monotonic() - started, rights=rights)


def compare_answers(
    before: SideAnswers, after: SideAnswers, facts: tuple[Facts, Facts], more: Iterable[WorkloadFinding] = ()
) -> tuple[WorkloadFinding, ...]:
    """What the migration between these facts does to each statement, and `more` that was found elsewhere; the worst first. Pure."""
    found = compare(*facts)
    demands = new_demands(found, *facts, (before.rights, after.rights))
    changed = ChangedNames(found)
    judged = [
        judge(each.statement, each.answer, after.asked[each.statement.id].answer, demands, changed)
        for each in before.asked.values()
    ]
    more = (*more, *body_inserts(demands, *facts))
    # What a run of a statement shows says more than its plan.
    run = {each.id for each in more if each.id}
    return worst_first((*(each for each in judged if each.id not in run or each.effect not in _BY_PLAN), *more))


def sum_up_proof(
    stem: str, before: SideAnswers, after: SideAnswers, findings: tuple[WorkloadFinding, ...], notes: Iterable[str] = ()
) -> WorkloadProof:
    """The proof as evidence, without `against`: only the caller knows whether the migration has a companion."""
    workload = before.workload
    calls = sum(each.calls for each in workload.statements)
    unasked = {each.id for each in findings if each.effect is Effect.NOT_ASKABLE}
    lost = sum(each.calls for each in workload.statements if each.id in unasked)
    counting = [each for each in findings if each.counts]
    declared = any(each.declared for each in findings)
    return WorkloadProof(
        stem,
        WorkloadOutcome.BREAKS if counting else WorkloadOutcome.DECLARED if declared else WorkloadOutcome.AS_BEFORE,
        headline(findings),
        _tallies(findings),
        tuple(each for each in findings if each.effect is not Effect.AS_BEFORE)[:MOST_KEPT],
        (*workload.notes, *before.notes, *notes),
        asked=len(before.asked) - len(unasked),
        recorded=len(workload.statements),
        calls_askable=round(1 - lost / calls, 4) if calls else 1.0,
        seconds=round(before.seconds + after.seconds, 1),
        answers=pack_answers(after),
    )


def headline(findings: Iterable[WorkloadFinding]) -> str:
    """What it breaks, in a line: "breaks 3 statements that app sends 41,000 times a day"; "" if it breaks nothing.

    If all of it is declared, "breaks, as declared, …".
    """
    gating = [each for each in findings if each.effect in GATING]
    counting = [each for each in gating if each.counts] or gating
    word = "breaks" if any(each.counts for each in counting) else "breaks, as declared,"
    sent = [each for each in counting if each.id]
    parts = []
    if sent:
        roles = sorted({role for each in sent for role in each.roles})
        sends = "send" if len(roles) > 1 else "sends"
        calls = sum(each.calls_a_day or 0.0 for each in sent)
        often = f" {calls:,.0f} times a day" if all(each.calls_a_day is not None for each in sent) else ""
        parts.append(f"{_counted(len(sent), 'statement')} that {', '.join(roles)} {sends}{often}")
    others = Counter(each.effect for each in counting if not each.id)
    parts += [_counted(number, _NOUNS.get(effect, "thing")) for effect, number in others.items()]
    return f"{word} {' and '.join(parts)}" if parts else ""


_NOUNS = {Effect.BODY_BROKEN: "function", Effect.JOB_BROKEN: "job"}


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _tallies(findings: Iterable[WorkloadFinding]) -> tuple[Tally, ...]:
    numbers: Counter[Effect] = Counter()
    calls: Counter[Effect] = Counter()
    for each in findings:
        numbers[each.effect] += 1
        calls[each.effect] += round(each.calls_a_day or 0.0)
    return tuple(Tally(effect, numbers[effect], float(calls[effect])) for effect in Effect if numbers[effect])


def pack_answers(side: SideAnswers) -> str:
    """Each answer's form and digest, the most called statement first: with them the target is asked."""
    asked = sorted(side.asked.values(), key=lambda each: -each.statement.calls)
    return packed(
        [
            [
                each.statement.id,
                each.statement.role,
                digest(each.answer),
                each.kind,
                list(each.answer.form.types),
                None if each.answer.form.text == each.statement.text else each.answer.form.text,
            ]
            for each in asked
        ]
    )


def digest(answer: Answer) -> str:
    """A digest of what must be the same on the copy and on the target: columns and parameters, or why it cannot be prepared."""
    refusal = answer.refusal if not answer.is_prepared else None
    said = [refusal.sqlstate if refusal else None, answer.columns, answer.parameters]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:10]


def _by_session(statements: Iterable[RecordedStatement]) -> list[RecordedStatement]:
    """The statements sorted by role: each change of the role costs the server its plans and us three messages."""
    return sorted(statements, key=lambda each: each.role)


def _notes_on_paths(asked: Iterable[AskedStatement]) -> tuple[str, ...]:
    other = Counter(
        (each.statement.role, each.answer.form.path) for each in asked if each.kind and not each.answer.refusal
    )
    return tuple(
        f"{_counted(number, 'statement')} of {role} {'is' if number == 1 else 'are'} asked with the search_path {path}:"
        " with what its sessions begin with, the server does not take them"
        for (role, path), number in sorted(other.items())
    )
