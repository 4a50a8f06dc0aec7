"""Mixtures that nobody thought of: drawn sequences of statements are undone, or refused because they lose something."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.undo_cases.__main__ import summary
from tests.undo_cases.case import Case, Outcome, read_case
from tests.undo_cases.crossings import draw_crossings
from tests.undo_cases.drawing import DrawnStatements, draw_all
from tests.undo_cases.grammar import PLACES, RULES
from tests.undo_cases.pool import run_all, run_sequences
from tests.undo_cases.sequence import SequenceResult
from tests.undo_cases.server import find_binaries

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "ddl"
_COUNT, _SETS, _CROSSINGS = 2000, 500, 1000


def _result(verdict: str, kind: str = "GRANT", loses: bool = False) -> SequenceResult:
    return SequenceResult(Outcome("1-0", kind, verdict), DrawnStatements(("select 1",), (kind,), loses))


def test_the_same_seed_draws_the_same_and_no_case_comes_twice_before_all_came() -> None:
    """Else nobody could look again at what was found once, and some kinds would hardly come."""
    cases = [Case(str(number), "", "", "") for number in range(10)]
    drawn = list(draw_all(cases, "7", 40))

    assert drawn == list(draw_all(cases, "7", 40))
    assert drawn != list(draw_all(cases, "8", 40))
    with_case = [each.case for each in drawn if each.case is not None]
    assert len(with_case) == 20
    assert set(with_case[:10]) == set(with_case[10:]) == set(cases)


def test_each_place_of_a_line_is_known() -> None:
    """Else a line is never drawn, or the drawing fails in the middle of a search."""
    named = {place for rule in RULES for place in re.findall(r"\{(\w+)\}", rule.text)}
    needed = {place for query in PLACES.values() for place in re.findall(r"%\((\w+)\)s", query)}

    assert named | needed == PLACES.keys()


def test_the_summary_names_each_fault_of_a_search() -> None:
    """Else a search that finds nothing wrong because hardly anything was tried is called good."""
    good = [_result("undone", rule.kind) for rule in RULES] * 10
    assert summary(good)[1] == []
    assert summary([*good, _result("wrong")])[1] == ["1 wrong"]
    assert summary(good[:90] + [_result("refused", loses=True)] * 30)[1] == ["30 of 120 are refused"]
    assert summary([_result("undone")] * 70 + [_result("not applied")] * 30)[1] == ["only 70 of 100 apply"]
    assert summary([*good, _result("refused")])[1] == ["refused without a loss: 1-0"]
    (missing,) = summary([_result("undone")] * 1000)[1]
    assert missing.startswith("never drawn: ALTER ")


@pytest.mark.acceptance
def test_drawn_sequences_are_undone_or_refused_for_a_loss() -> None:
    """Else a mixture of changes that no case holds is undone only in part."""
    cases = [case for path in sorted(FOLDER.glob("*.yaml")) if not (case := read_case(path)).superuser]
    seed = f"{date.today():%Y%m%d}"
    found = list(run_sequences(draw_all(cases, seed, _COUNT), find_binaries("")))

    line, faults = summary(found)
    print(f"seed {seed}; {line}")
    assert (faults, [each.line for each in found if each.outcome.verdict == "wrong"]) == ([], []), (
        f"seed {seed}; {line}"
    )


@pytest.mark.acceptance
def test_drawn_sets_are_undone_whole_or_refused_before_anything_is() -> None:
    """Else a set of migrations, deployed without a rehearsal, is undone half way, or what it did is taken for another's."""
    cases = [case for path in sorted(FOLDER.glob("*.yaml")) if not (case := read_case(path)).superuser]
    seed = f"{date.today():%Y%m%d}-sets"
    found = list(run_sequences(draw_all(cases, seed, _SETS), find_binaries(""), as_sets=True))

    line, faults = summary(found, as_sets=True)
    assert (faults, [each.line for each in found if each.outcome.verdict == "wrong"]) == ([], []), (
        f"seed {seed}; {line}"
    )


def test_the_same_seed_draws_the_same_crossings() -> None:
    """Else nobody could look again at what was found once."""
    drawn = list(draw_crossings("7", 0, 50))

    assert drawn[20:30] == list(draw_crossings("7", 20, 10))
    assert drawn != list(draw_crossings("8", 0, 50))


@pytest.mark.acceptance
def test_crossings_are_undone() -> None:
    """Else the way back of one change uses names that another change gave."""
    seed = f"{date.today():%Y%m%d}"
    found = list(run_all(draw_crossings(seed, 0, _CROSSINGS), find_binaries("")))

    assert [each.line for each in found if each.verdict == "wrong"] == [], f"seed {seed}"
    assert sum(each.verdict == "not applied" for each in found) < 0.3 * _CROSSINGS
    assert sum(each.verdict == "undone" for each in found) > 0.6 * _CROSSINGS
