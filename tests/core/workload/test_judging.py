"""What two answers of the server say of a migration."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pg_deploy.catalog.diff import Difference
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact
from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement, WorkloadFinding
from pg_deploy.workload.asking import Answer, Form, Refusal
from pg_deploy.workload.inserts import NewDemands
from pg_deploy.workload.judging import ChangedNames, judge, worst_first

FORM = Form("select id, note from orders where id = $1", '"$user", public')
STATEMENT = RecordedStatement("0123abcd", FORM.text, "app", 10.0, 100.0)
NOTHING_NEW = NewDemands({}, {}, {})
NO_NAMES = ChangedNames(Difference((), (), ()))


def _answer(refusal: Refusal | None = None, **more: Any) -> Answer:
    given: dict[str, Any] = {"columns": (("id", "bigint"), ("note", "text")), "parameters": ("bigint",), **more}
    return Answer(FORM, refusal) if refusal else Answer(FORM, None, **given)


def _plan(cost: float, index: str | None = None) -> str:
    node = {"Node Type": "Index Scan" if index else "Seq Scan", "Relation Name": "orders", "Total Cost": cost}
    return json.dumps([{"Plan": {**node, "Index Name": index} if index else node}])


def _judged(before: Answer, after: Answer) -> WorkloadFinding:
    return judge(STATEMENT, before, after, NOTHING_NEW, NO_NAMES)


GONE = Refusal("42703", 'column "note" does not exist', 11)
FORBIDDEN = Refusal("42501", "permission denied for table orders")
LOCKED = Refusal("55P03", "canceling statement due to lock timeout")
NOT_ITS = Refusal("42501", "permission denied to set role", of_session=True)


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (_answer(), _answer(), Effect.AS_BEFORE),
        (_answer(), _answer(GONE), Effect.BROKEN),
        (_answer(), _answer(FORBIDDEN), Effect.FORBIDDEN),
        (_answer(FORBIDDEN), _answer(FORBIDDEN), Effect.AS_BEFORE),
        (_answer(FORBIDDEN), _answer(GONE), Effect.AS_BEFORE),
        (_answer(GONE), _answer(GONE), Effect.NOT_ASKABLE),
        (_answer(GONE), _answer(), Effect.AS_BEFORE),
        (_answer(), _answer(LOCKED), Effect.NOT_ASKABLE),
        (_answer(NOT_ITS), _answer(NOT_ITS), Effect.NOT_ASKABLE),
        (_answer(), _answer(columns=(("id", "bigint"),)), Effect.SHAPE_CHANGED),
        (_answer(), _answer(columns=(("note", "text"), ("id", "bigint"))), Effect.SHAPE_CHANGED),
        (_answer(), _answer(parameters=("text",)), Effect.SHAPE_CHANGED),
        (_answer(parameters=("integer",)), _answer(parameters=("bigint",)), Effect.AS_BEFORE),
        (_answer(parameters=("bigint",)), _answer(parameters=("integer",)), Effect.SHAPE_CHANGED),
        (_answer(plan=_plan(8, "i")), _answer(plan=_plan(800)), Effect.COSTLIER),
        (_answer(plan=_plan(800)), _answer(plan=_plan(8, "i")), Effect.CHEAPER),
        (_answer(plan=_plan(100)), _answer(plan=_plan(120)), Effect.AS_BEFORE),
    ],
)
def test_two_answers_say_what_a_migration_does(before: Answer, after: Answer, effect: Effect) -> None:
    """Only what worked before can break."""
    assert _judged(before, after).effect is effect


def test_a_type_that_only_moved_is_the_same_one() -> None:
    """Its number stays, so what is prepared goes on; another type of that name is another shape."""
    kinds = '{"enum": ["a", "b"]}'
    moved = Difference((_type("report.channel", kinds),), (_type("shop.channel", kinds),), ())
    remade = Difference((_type("report.channel", '{"enum": ["a"]}'),), (_type("shop.channel", kinds),), ())
    before, after = (_answer(columns=(("all", f"{each}.channel[]"),)) for each in ("shop", "report"))

    said = [judge(STATEMENT, before, after, NOTHING_NEW, ChangedNames(each)).effect for each in (moved, remade)]

    assert said == [Effect.AS_BEFORE, Effect.SHAPE_CHANGED]


def _type(name: str, definition: str) -> Fact:
    return Fact("type", parsed("type", name), definition, "database")


def test_what_the_server_points_at_is_shown_with_its_line() -> None:
    """Else a person searches a page of SQL for a word."""
    found = _judged(_answer(), _answer(GONE))

    assert (found.token, found.line, found.caret, found.is_drop) == ("note", FORM.text, 11, True)


def test_a_shape_is_told_column_by_column() -> None:
    """Two columns of one name are told apart by their places."""
    twice = (("sum", "bigint"), ("sum", "bigint"))

    found = _judged(_answer(columns=twice), _answer(columns=(("sum", "bigint"), ("sum", "numeric"))))
    more = _judged(_answer(), _answer(columns=(("id", "bigint"), ("note", "text"), ("extra", "date"))))

    assert found.sentence.startswith("sum is numeric instead of bigint;")
    assert more.sentence.startswith("it returns extra as well;")


def test_the_worst_comes_first_and_then_what_is_sent_most() -> None:
    """The page is cut, the log as well."""
    found = [
        WorkloadFinding(effect, "x", "y", id=name, calls_a_day=calls)
        for effect, name, calls in (
            (Effect.SHAPE_CHANGED, "a", 9e9),
            (Effect.BROKEN, "b", 1.0),
            (Effect.BROKEN, "c", 2.0),
            (Effect.BROKEN, "d", None),
        )
    ]

    assert [each.id for each in worst_first(found)] == ["c", "b", "d", "a"]
