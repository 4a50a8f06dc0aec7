"""Inserts in the bodies of functions that leave out a value: the body is right, and its first call or trigger fails."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.workload.asking import Form
from pg_deploy.workload.inserts import NewDemands
from pg_deploy.workload.plpgsql_text import numbers_again
from pg_deploy.workload.routine_texts import path_of, statements_of


def body_inserts(demands: NewDemands, before: Facts, after: Facts) -> Iterator[WorkloadFinding]:
    """A finding for each routine of before that inserts without a value that its table asks for since the migration. Pure."""
    tables = {name for _, name in demands.required}
    for fact in sorted(after.facts, key=lambda each: str(each.key)):
        definition = str(fact.properties.get("definition", ""))
        if fact.kind not in {"function", "procedure"} or fact.key not in before.by_key:
            continue
        if not any(table in definition for table in tables) and not demands.views:
            continue
        finding = _finding(fact, definition, demands)
        if finding is not None:
            yield finding


def _finding(fact: Fact, definition: str, demands: NewDemands) -> WorkloadFinding | None:
    for text in statements_of(definition):
        left_out = demands.left_out(Form(text, path_of(definition, text, demands.columns)), "")
        if left_out is None:
            continue
        (schema, table), columns = left_out
        subject = f"{fact.kind} {fact.identity}"
        said = (
            f"{subject} was right and is refused now: its insert leaves out {', '.join(columns)} of {schema}.{table},"
            " which must have a value now and has no default"
        )
        return WorkloadFinding(
            Effect.BODY_BROKEN,
            subject,
            said,
            sqlstate="23502",
            line=" ".join(numbers_again(text).split()),
            objects=tuple(f"{schema}.{table}.{column}" for column in columns),
        )
    return None
