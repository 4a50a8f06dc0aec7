"""The wording of a difference: what a person reads when a rollback did not return to the state before."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts


def fact(kind: str, identity: str, **properties: object) -> Fact:
    named = {name.replace("_", " "): value for name, value in properties.items()}
    return Fact(kind, parsed(kind, identity), json.dumps(named, sort_keys=True), "database")


def lines(before: list[Fact], after: list[Fact]) -> tuple[str, ...]:
    moment = datetime(2025, 11, 18, tzinfo=timezone.utc)
    return describe(compare(Facts(frozenset(before), 150000, moment), Facts(frozenset(after), 150000, moment)))


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            [],
            [fact("index", "public.x", definition="CREATE INDEX x ON public.t USING btree (a)")],
            "added index public.x: CREATE INDEX x ON public.t USING btree (a)",
        ),
        (
            [fact("policy", "public.t.p", using="(a = 1)", command="select")],
            [fact("policy", "public.t.p", using="true", command="select")],
            "changed policy public.t.p: using (a = 1) -> true",
        ),
        (
            [fact("grant", "table public.t to anon", by_postgres="INSERT, SELECT")],
            [],
            "removed grant table public.t to anon: by postgres INSERT, SELECT",
        ),
        (
            [fact("table", "public.t", row_level_security=True, owner="postgres")],
            [fact("table", "public.t", owner="postgres")],
            "changed table public.t: row level security yes -> no",
        ),
        (
            [fact("column", "public.t.a", type="integer", position=1)],
            [fact("column", "public.t.a", type="bigint", default="0", position=1)],
            "changed column public.t.a: default none -> 0; type integer -> bigint",
        ),
        (
            [],
            [fact("column", "public.t.a", not_null=True, position=2, type="text")],
            "added column public.t.a: type text, not null, position 2",
        ),
        (
            [fact("function", "public.f()", definition="begin\n    return 1;\nend")],
            [fact("function", "public.f()", definition="begin\n  return 1;\nend")],
            "changed function public.f(): definition differs in white space only",
        ),
        (
            [fact("type", "public.mood", enum=["sad", "ok"])],
            [fact("type", "public.mood", enum=["sad"])],
            "changed type public.mood: enum [sad, ok] -> [sad]",
        ),
    ],
)
def test_a_line_says_what_differs_and_no_more(before: list[Fact], after: list[Fact], line: str) -> None:
    """Whoever mends a database at night must see the one property that differs, not two whole definitions."""
    assert lines(before, after) == (line,)


def test_of_a_long_definition_only_the_part_around_the_difference_is_shown() -> None:
    """A changed word in a function of 5,000 characters must not hide behind an ellipsis."""
    (line,) = lines(
        [fact("function", "f()", definition="x " * 1000 + "old" + " y" * 1000)],
        [fact("function", "f()", definition="x " * 1000 + "new" + " y" * 1000)],
    )
    assert " old y" in line
    assert " new y" in line
    assert len(line) < 600


def test_equal_facts_are_no_difference_whenever_they_were_read() -> None:
    """The time of reading is no part of what is compared."""
    one = fact("table", "public.t", owner="postgres")
    first = Facts(frozenset([one]), 150000, datetime(2025, 1, 1, tzinfo=timezone.utc))
    second = Facts(frozenset([one]), 160000, datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert not compare(first, second)
    assert first.fingerprint == second.fingerprint
