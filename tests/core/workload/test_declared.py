"""What a migration declares that it breaks, and what the proof says in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.migrations.manifest import Break
from pg_deploy.workload.declared import apply_declarations, entries_for, sentence_of
from pg_deploy.workload.proof import headline


def _found(effect: Effect = Effect.BROKEN, **more: Any) -> WorkloadFinding:
    given: dict[str, Any] = {
        "id": "0123abcd",
        "roles": ("app",),
        "calls_a_day": 40_000.0,
        "objects": ("public.orders.note",),
        "is_drop": True,
        **more,
    }
    return WorkloadFinding(effect, "select note\nfrom orders", 'column "note" does not exist', **given)


def _break(**keys: Any) -> Break:
    return Break.model_validate({"why": "release 3 reads it no more", **keys})


def _never_quiet(named: str, seconds: float) -> str:
    return f"{named} was called {seconds:g} s too late"


def _quiet(named: str, seconds: float) -> None:
    return None


def test_a_declared_drop_that_was_quiet_is_accepted_with_its_reason() -> None:
    """The reason is shown wherever the finding is."""
    (found,), refused = apply_declarations([_found()], [_break(object="public.orders.note")], _quiet)

    assert (found.declared, found.counts, refused) == ("release 3 reads it no more", False, ())


def test_a_declared_drop_that_was_not_quiet_counts_and_says_why() -> None:
    """Else a line in a file would be all that stands between a column and its readers."""
    (found,), refused = apply_declarations(
        [_found()], [_break(object="public.orders.note", quiet_for="35 d")], _never_quiet
    )

    assert found.counts
    assert refused == ("declared, but not quiet for 35 d: public.orders.note was called 3.024e+06 s too late",)


def test_what_is_not_dropped_need_not_have_been_quiet() -> None:
    """A right that is taken away on purpose, from a role that asks all the time."""
    (found,), refused = apply_declarations(
        [_found(Effect.FORBIDDEN, is_drop=False)], [_break(statement="0123abcd")], _never_quiet
    )

    assert not found.counts
    assert refused == ()


@pytest.mark.parametrize("keys", [{"object": "public.other"}, {"statement": "ffffffff"}])
def test_another_declaration_declares_nothing(keys: dict[str, str]) -> None:
    """Each entry names what it is about."""
    (found,), _ = apply_declarations([_found()], [_break(**keys)], _quiet)

    assert found.counts


@pytest.mark.parametrize(
    "keys", [{}, {"object": "a", "statement": "0123abcd"}, {"statement": "short"}, {"object": "a", "quiet_for": "soon"}]
)
def test_an_entry_that_says_too_little_or_too_much_is_refused(keys: dict[str, str]) -> None:
    """In preflight, before anything is touched."""
    with pytest.raises(ValidationError):
        _break(**keys)


def test_the_lines_to_paste_name_each_object_once() -> None:
    """A dropped table is one line, however many statements read it."""
    findings = [_found(), _found(id="99999999"), _found(Effect.FORBIDDEN, objects=(), is_drop=False)]

    assert [line.partition(", why")[0] for line in entries_for(findings)] == [
        '- {object: "public.orders.note"',
        '- {statement: "0123abcd"',
    ]
    assert [line.endswith(", quiet_for: 24 h}") for line in entries_for(findings)] == [True, False]


def test_the_headline_says_who_is_hurt_and_how_often() -> None:
    """It is the first line of the approval."""
    two = [_found(), _found(id="99999999", roles=("report",), calls_a_day=1_000.0), _found(Effect.SHAPE_CHANGED)]

    assert headline(two) == "breaks 2 statements that app, report send 41,000 times a day"
    assert headline(two[:1]) == "breaks 1 statement that app sends 40,000 times a day"
    assert headline([_found(calls_a_day=None)]) == "breaks 1 statement that app sends"
    assert headline([_found(declared="known")]) == "breaks, as declared, 1 statement that app sends 40,000 times a day"
    assert headline([_found(Effect.COSTLIER)]) == ""


def test_a_body_is_no_statement_of_anybody() -> None:
    """It is counted by itself."""
    body = WorkloadFinding(Effect.BODY_BROKEN, "function public.f()", "it names what is gone")

    assert headline([body, _found()]) == "breaks 1 statement that app sends 40,000 times a day and 1 function"


def test_a_sentence_folds_the_statement_to_a_line() -> None:
    """A log is read line by line."""
    assert sentence_of(_found()) == (
        'broken: column "note" does not exist: statement 0123abcd of app, 40,000 calls a day: select note from orders'
    )
