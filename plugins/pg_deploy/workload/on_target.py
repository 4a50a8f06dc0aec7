"""The recorded statements asked again on the target after the migration: by name only, and for a few seconds.

They are prepared and not planned. The planner runs functions of the application, and such a function could take this session's role.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from pg_deploy.ledger.kinds.workload import (
    Effect,
    RecordedStatement,
    Workload,
    WorkloadFinding,
    WorkloadOutcome,
    WorkloadProof,
    unpacked,
)
from pg_deploy.postgres.session import Target
from pg_deploy.workload.asking import Answer, Form, asking
from pg_deploy.workload.proof import digest, headline
from pg_deploy.workload.session_paths import read_session_paths

ASKED_FOR_S = 5.0
"""How long the target is asked, in seconds; the statements with the most calls come first."""
_TIMEOUT_MS = 300


def ask_workload(target: Target, workload: Workload, on_copy: WorkloadProof) -> WorkloadProof:
    """What the target answers otherwise than the copy did. Reads only, and runs nothing.

    A statement that the copy took and the target refuses is broken. Another shape is only shown: the catalog of the target is compared
    by itself, rights too. Statements of a role that this session may not become are not asked, nor those that `workload` lacks.
    """
    started = time.monotonic()
    statements = {each.id: each for each in workload.statements}
    findings: list[WorkloadFinding] = []
    unasked: Counter[str] = Counter()
    asked = late = 0
    answers = unpacked(on_copy.answers) if on_copy.answers else []
    with target.session("workload") as connection:
        paths = read_session_paths(connection)
        with asking(connection, _TIMEOUT_MS) as asker:
            for number, (name, role, expected, kind, types, text) in enumerate(answers):
                if time.monotonic() - started > ASKED_FOR_S:
                    late = len(answers) - number
                    break
                statement = statements.get(name)
                if statement is None:
                    continue
                if role in unasked:
                    unasked[role] += 1
                    continue
                own_paths = paths.of(role)
                form = Form(text or statement.text, own_paths[min(kind, len(own_paths) - 1)], tuple(types))
                answer = asker.ask(role, form, by_name_only=True)
                if answer.refusal is not None and answer.refusal.of_session:
                    unasked[role] += 1
                    continue
                asked += 1
                findings += _differences(statement, answer, expected)
    return WorkloadProof(
        on_copy.name,
        WorkloadOutcome.BREAKS if any(each.counts for each in findings) else WorkloadOutcome.AS_BEFORE,
        headline(findings) or ("as on the copy" if asked else ""),
        findings=tuple(findings),
        notes=tuple(_notes(unasked, late)),
        asked=asked,
        recorded=len(answers),
        calls_askable=1.0,
        seconds=round(time.monotonic() - started, 1),
    )


def _differences(statement: RecordedStatement, answer: Answer, expected: str) -> list[WorkloadFinding]:
    refusal = answer.refusal
    if digest(answer) == expected or (refusal is not None and refusal.is_late):
        return []
    if refusal is None:
        said = "the target answers in another shape than the copy did"
        return [WorkloadFinding.about(statement, Effect.SHAPE_CHANGED, said)]
    effect = Effect.FORBIDDEN if refusal.is_forbidden else Effect.BROKEN
    line, caret = refusal.line_in(answer.form.text)
    return [
        WorkloadFinding.about(
            statement,
            effect,
            f"{refusal.message}, on the target and not on the copy",
            sqlstate=refusal.sqlstate,
            token=refusal.token_in(answer.form.text),
            line=line,
            caret=caret,
        )
    ]


def _notes(unasked: Mapping[str, int], late: int) -> list[str]:
    notes = [
        f"{number:,} statement{'' if number == 1 else 's'} of {role} {'is' if number == 1 else 'are'} not asked on the target:"
        f" the deploying role may not act as it (grant {role} to the deploying role)"
        for role, number in sorted(unasked.items())
    ]
    if late:
        notes.append(
            f"the {late:,} statements with the fewest calls were not asked on the target within {ASKED_FOR_S:g} s"
        )
    return notes
