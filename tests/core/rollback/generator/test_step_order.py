"""The order of a rollback's statements: by phase, unless what one of them needs says otherwise. No server is needed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.draft import Draft, Needs, Phase, Step
from pg_deploy.rollback.generator.step_order import order_steps
from tests.core.rollback.facts import fact

A, B = ("table", "public.a"), ("table", "public.b")
FUNCTION, POLICY = ("function", "public.f()"), ("policy", "public.a.p")
VIEW = ("view", "public.v")


def _draft(
    *steps: Step,
    before: Iterable[Fact] = (),
    after: Iterable[Fact] = (),
    needed_before: Iterable[tuple[Key, Key]] = (),
    needed_after: Iterable[tuple[Key, Key]] = (),
    gone: Iterable[Key] = (),
) -> Draft:
    """A draft of these steps; in the pairs of needs the first needs the second."""
    return Draft(
        {each.key: each for each in before},
        {each.key: each for each in after},
        gone=set(gone),
        steps=list(steps),
        needs_before=Needs((one, other, "n") for one, other in needed_before),
        needs_after=Needs((one, other, "n") for one, other in needed_after),
    )


def _order(draft: Draft) -> list[str]:
    return [step.sql for step in order_steps(draft)]


def _drop(key: Key) -> Step:
    return Step(Phase.DROP, f"drop {key[1]}", key)


def _make(key: Key) -> Step:
    return Step(Phase.CREATE, f"make {key[1]}", key, makes=True)


def _alter(key: Key, phase: Phase = Phase.ALTER) -> Step:
    return Step(phase, f"alter {key[1]}", key)


def test_without_needs_the_phases_decide_and_what_was_added_first() -> None:
    """Old names first, rights on what is made again last, an index without a transaction at the very end."""
    steps = [Step(phase, f"{phase.name} {number}") for phase in reversed(Phase) for number in (1, 2)]
    assert _order(_draft(*steps)) == [f"{phase.name} {number}" for phase in Phase for number in (1, 2)]


@pytest.mark.parametrize("phase", [phase for phase in Phase if not Phase.DEFAULT_OFF <= phase <= Phase.DEFAULT_ON])
def test_no_need_moves_a_statement_of_a_phase_that_has_its_place(phase: Phase) -> None:
    """A right that is given before its table is made is refused by the server."""
    fixed, made = Step(phase, "fixed", B, makes=True), _make(A)
    is_early = phase < Phase.DEFAULT_OFF
    draft = _draft(made, fixed, needed_before=[(B, A) if is_early else (A, B)])
    assert _order(draft) == (["fixed", "make public.a"] if is_early else ["make public.a", "fixed"])


def test_what_needs_an_object_is_dropped_before_it() -> None:
    """The server refuses to drop what is in use."""
    draft = _draft(_drop(A), _drop(VIEW), needed_after=[(VIEW, A)], gone=[A, VIEW])
    assert _order(draft) == ["drop public.v", "drop public.a"]


def test_a_table_goes_before_what_its_policy_calls() -> None:
    """No statement drops the policy: it goes with its table."""
    policy = fact("policy", "public.a.p")
    draft = _draft(_drop(FUNCTION), _drop(A), after=[policy], needed_after=[(POLICY, FUNCTION)], gone=[A, FUNCTION])
    assert _order(draft) == ["drop public.a", "drop public.f()"]


def test_a_table_goes_before_what_draws_from_the_sequence_of_its_column_needs() -> None:
    """No statement drops the sequence either: it goes with the table of the column that owns it."""
    sequence = fact("sequence", "public.s", **{"owned by": "public.a.id"})
    draft = _draft(
        _drop(FUNCTION), _drop(A), after=[sequence], needed_after=[(sequence.key, FUNCTION)], gone=[A, FUNCTION]
    )
    assert _order(draft) == ["drop public.a", "drop public.f()"]


def test_what_stays_is_altered_before_what_it_needed_is_dropped() -> None:
    """The policy of before does not call the new function: it is put back before that is dropped."""
    draft = _draft(_drop(FUNCTION), _alter(POLICY), needed_after=[(POLICY, FUNCTION)], gone=[FUNCTION])
    assert _order(draft) == ["alter public.a.p", "drop public.f()"]


def test_a_default_is_taken_off_before_its_function_is_dropped_and_its_column_altered() -> None:
    """A default that cannot be turned into the new type stops the change of type."""
    column = ("column", "public.a.x")
    steps = [_drop(FUNCTION), _alter(column, Phase.IN_PLACE), Step(Phase.DEFAULT_OFF, "release", column)]
    draft = _draft(*steps, needed_before=[(column, B)], needed_after=[(column, FUNCTION)], gone=[FUNCTION])
    assert _order(draft) == ["release", "alter public.a.x", "drop public.f()"]


def test_what_is_replaced_is_dropped_before_it_is_made() -> None:
    """Also if it is made in a phase of before."""
    made = Step(Phase.IN_PLACE, "make public.v", VIEW, makes=True)
    assert _order(_draft(made, _drop(VIEW))) == ["drop public.v", "make public.v"]


def test_a_name_is_free_before_it_is_taken() -> None:
    """A table was replaced by a view of its name: the view goes first."""
    view = ("view", "public.a")
    draft = _draft(Step(Phase.IN_PLACE, "make table", A, makes=True), Step(Phase.DROP, "drop view", view))
    assert _order(draft) == ["drop view", "make table"]


def test_what_is_needed_is_made_or_altered_first() -> None:
    """The server refuses a view on a column that is not there yet."""
    column = ("column", "public.b.x")
    draft = _draft(_make(VIEW), _make(A), _alter(column, Phase.DEFAULT_ON), needed_before=[(VIEW, A), (VIEW, column)])
    assert _order(draft) == ["make public.a", "alter public.b.x", "make public.v"]


def test_what_is_made_is_made_before_it_is_altered() -> None:
    """A default of a column that is made again is set when the column is there."""
    assert _order(_draft(_alter(A), _make(A))) == ["make public.a", "alter public.a"]


def test_what_an_alteration_needs_is_made_before_it() -> None:
    """A policy of before calls a function that the migration dropped."""
    draft = _draft(_alter(POLICY), _make(FUNCTION), needed_before=[(POLICY, FUNCTION)])
    assert _order(draft) == ["make public.f()", "alter public.a.p"]


def test_what_needs_an_object_is_dropped_before_the_object_is_altered() -> None:
    """The server changes no type of a column that a view shows."""
    column = ("column", "public.a.x")
    draft = _draft(_alter(column, Phase.IN_PLACE), _drop(VIEW), needed_after=[(VIEW, column)], gone=[VIEW])
    assert _order(draft) == ["drop public.v", "alter public.a.x"]


def test_columns_are_made_in_the_order_that_they_had() -> None:
    """Else `select *` gives other columns in other places than before."""
    columns = [
        fact("column", f"public.a.{name}", position=position) for name, position in (("x", 10), ("y", 9), ("z", 2))
    ]
    draft = _draft(*(_make(each.key) for each in columns), before=columns)
    assert _order(draft) == ["make public.a.z", "make public.a.y", "make public.a.x"]


def _tables(**properties: object) -> tuple[list[Fact], list[Fact]]:
    """Table b belonged to a and left it; `properties` are those that b had."""
    before = [fact("table", "public.a"), fact("table", "public.b", inherits=["public.a"], **properties)]
    return before, [fact("table", "public.a"), fact("table", "public.b")]


def test_a_table_joins_its_parent_after_the_columns_of_both_are_as_they_were() -> None:
    """The server attaches no partition whose columns differ."""
    column = ("column", "public.a.x")
    before, after = _tables()
    draft = _draft(_alter(B, Phase.JOIN), _alter(column, Phase.DEFAULT_ON), before=before, after=after)
    assert _order(draft) == ["alter public.a.x", "alter public.b"]


def test_an_index_of_a_partition_is_made_before_the_partition_joins_unless_it_is_its_own() -> None:
    """Attached without it, the partition gets an index of another name."""
    definition = "CREATE INDEX i ON public.b USING btree (x)"
    for properties, expected in (
        ({"attached to": "public.of_a"}, ["make public.i", "alter public.b"]),
        ({}, ["alter public.b", "make public.i"]),
    ):
        index = fact("index", "public.i", definition=definition, **properties)
        before, after = _tables(**{"partition bound": "DEFAULT"})
        draft = _draft(
            _make(index.key),
            _alter(B, Phase.JOIN),
            needed_before=[(index.key, B)],
            before=[*before, index],
            after=after,
        )
        assert _order(draft) == expected


def test_in_a_circle_the_phases_decide() -> None:
    """A rollback in the usual order can still work; none at all cannot."""
    draft = _draft(_make(A), _make(B), _drop(VIEW), needed_before=[(A, B), (B, A)])
    assert _order(draft) == ["drop public.v", "make public.a", "make public.b"]


def test_what_names_itself_waits_for_nothing() -> None:
    """A function that calls itself is no circle."""
    assert _order(_draft(_make(A), _make(B), needed_before=[(A, A)])) == ["make public.a", "make public.b"]


def test_what_is_made_again_is_altered_when_it_is_made_and_not_before_what_it_needs_is_dropped() -> None:
    """A trigger that is made again is disabled then: until that it is not there."""
    steps = [_drop(FUNCTION), _drop(POLICY), _make(FUNCTION), _make(POLICY), _alter(POLICY)]
    needs = [(POLICY, FUNCTION)]
    draft = _draft(*steps, needed_before=needs, needed_after=needs, gone=[FUNCTION, POLICY])
    assert _order(draft) == [
        *("drop public.a.p", "drop public.f()", "make public.f()", "make public.a.p", "alter public.a.p"),
    ]


def test_a_part_is_altered_when_its_whole_is_made_again() -> None:
    """A default of a view's column goes with the view: it is set on the new one."""
    column = fact("column", "public.v.x")
    draft = _draft(
        *(_drop(VIEW), _make(VIEW), _alter(column.key)),
        after=[column],
        needed_before=[(column.key, VIEW)],
        needed_after=[(column.key, VIEW)],
        gone=[VIEW],
    )
    assert _order(draft) == ["drop public.v", "make public.v", "alter public.v.x"]


def test_what_needs_an_object_is_made_after_it_also_if_it_was_added_first() -> None:
    """Two tables of one phase: the one that refers to the other comes second."""
    assert _order(_draft(_make(A), _make(B), needed_before=[(A, B)])) == ["make public.b", "make public.a"]


def test_columns_of_all_ancestors_are_as_they_were_before_a_table_joins_and_its_own_need_not_be() -> None:
    """The server compares with the parent, whose columns follow those of its own parent."""
    inherits = {"public.b": ["public.a"], "public.a": ["public.top"], "public.top": []}
    before = [fact("table", name, inherits=parents) for name, parents in inherits.items()]
    own, top = ("column", "public.b.x"), ("column", "public.top.x")
    steps = [_alter(B, Phase.JOIN), _alter(own, Phase.DEFAULT_ON), _alter(top, Phase.DEFAULT_ON)]
    assert _order(_draft(*steps, before=before)) == ["alter public.b.x", "alter public.top.x", "alter public.b"]
    assert _order(_draft(*steps[:2], before=before)) == ["alter public.b", "alter public.b.x"]


@pytest.mark.parametrize(
    ("part", "whole", "after"),
    [
        (("constraint", "public.a.c"), ("type", "public.a"), [fact("constraint", "public.a.c")]),
        (POLICY, A, []),
        (
            ("index", "public.i"),
            A,
            [fact("index", "public.i", definition="CREATE INDEX i ON public.a USING btree (public.f())")],
        ),
    ],
)
def test_what_goes_with_a_part_decides_when_the_whole_goes(part: Key, whole: Key, after: list[Fact]) -> None:
    """A domain's constraint, an index of a table: each calls the function, and no statement drops it."""
    draft = _draft(
        *(_drop(FUNCTION), _drop(whole)), after=after, needed_after=[(part, FUNCTION)], gone=[whole, FUNCTION]
    )
    assert _order(draft) == ["drop public.a", "drop public.f()"]
