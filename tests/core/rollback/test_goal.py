"""What undoing later must lead to: exactly the migration's difference is gone. Pure, on facts made by hand."""

from __future__ import annotations

import pytest

from pg_deploy.catalog.diff import describe
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.goal import snapshot_goal, undo_goal
from tests.core.rollback.facts import fact, facts

OLD = fact("table", "public.old", owner="postgres")
POLICY = fact("policy", "public.old.reads", command="select", roles=["a"])
OPENED = fact("policy", "public.old.reads", command="select", roles=["public"])
NEW = fact("table", "public.new", owner="postgres")
COLUMN = fact("column", "public.old.age", position=2, type="integer")
LATER = fact("column", "public.old.later", position=3, type="text")
MOVED = fact("column", "public.old.later", position=2, type="text")
INDEX = fact("index", "public.by_hand", definition="CREATE INDEX by_hand ON public.new USING btree (a)")
VIEW = fact("view", "public.theirs", definition=" SELECT new.a FROM public.new;")
GRANT = fact("grant", "table public.new to anon", **{"by postgres": "SELECT"})
OTHER = fact("table", "public.other", owner="postgres")

BEFORE = facts(OLD, POLICY)
AFTER = facts(OLD, OPENED, NEW, COLUMN)


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        ([OLD, OPENED, NEW, COLUMN], [OLD, POLICY], []),
        ([OLD, OPENED, NEW, COLUMN], [OLD, POLICY, NEW], ["added table public.new: owner postgres"]),
        ([OLD, OPENED, NEW, COLUMN], [OLD, OPENED], ["changed policy public.old.reads: roles [a] -> [public]"]),
        ([OLD, OPENED, NEW, COLUMN, OTHER], [OLD, POLICY, OTHER], []),
        ([OLD, OPENED, NEW, COLUMN, OTHER], [OLD, POLICY], ["removed table public.other: owner postgres"]),
        ([OLD, OPENED, NEW, COLUMN, INDEX, GRANT], [OLD, POLICY], []),
        (
            [OLD, OPENED, NEW, COLUMN, VIEW],
            [OLD, POLICY],
            ["removed view public.theirs: SELECT new.a FROM public.new;"],
        ),
        ([OLD, OPENED, NEW, COLUMN, LATER], [OLD, POLICY, MOVED], []),
        ([OLD, OPENED, NEW, COLUMN], [POLICY], ["removed table public.old: owner postgres"]),
    ],
)
def test_only_the_difference_of_the_migration_may_be_undone(
    start: list[Fact], end: list[Fact], left: list[str]
) -> None:
    """Else a careless cascade would count as proven, or a colleague's index would fail every rollback."""
    goal = undo_goal(BEFORE, AFTER, facts(*start))

    assert list(describe(goal.difference(facts(*end)))) == left


def test_what_somebody_changed_since_is_named_and_may_end_either_way() -> None:
    """A policy that was tightened by hand must not turn a rollback red, nor be overwritten silently."""
    theirs = fact("policy", "public.old.reads", command="select", roles=["b"])
    goal = undo_goal(BEFORE, AFTER, facts(OLD, theirs, NEW, COLUMN))

    assert goal.changed_since == ("changed policy public.old.reads: roles [public] -> [b]",)
    assert not goal.difference(facts(OLD, POLICY))
    assert not goal.difference(facts(OLD, theirs))


def test_right_after_a_failed_migration_the_whole_catalog_counts() -> None:
    """Then nothing else can have changed, and anything that differs is a fault of the rollback."""
    assert snapshot_goal(BEFORE).difference(facts(OLD, POLICY, OTHER))
    assert not snapshot_goal(BEFORE).difference(BEFORE)
