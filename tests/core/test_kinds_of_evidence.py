"""What a kind of evidence holds comes back from the ledger as it was, and from an older ledger as far as it was told there."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from pg_deploy.access.decide import decide
from pg_deploy.access.facts.access_change import AccessChange, Rewritten, shorten_sentence
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.proof.proof import Proof
from pg_deploy.deployment.access_judgement import _causes_once
from pg_deploy.ledger import deployment
from pg_deploy.ledger.attempt import MOVES, State
from pg_deploy.ledger.deployment import Claimed
from pg_deploy.ledger.evidence import Evidence, Kind, Piece
from pg_deploy.ledger.kinds.access import AccessFound, CellOutcome, KeptCell, KeptDifference, Outcome, Verdict
from pg_deploy.ledger.kinds.approval import Answer, Answered, Asked, Lent
from pg_deploy.ledger.kinds.backup import BackupKept, Restored, RestoreOutcome
from pg_deploy.ledger.kinds.benchmark import (
    BenchmarkBefore,
    BenchmarkOutcome,
    ComparedBenchmark,
    MeasuredBenchmark,
    Measurement,
    read_benchmark,
)
from pg_deploy.ledger.kinds.check import CheckOutcome, CheckResult
from pg_deploy.ledger.kinds.lint import LintsBefore
from pg_deploy.ledger.kinds.rehearsal import Changes, Held, Rehearsal, RehearsalOutcome, StatementLocks
from pg_deploy.ledger.kinds.report import Criterion, DeploymentReport, criteria_of
from pg_deploy.ledger.kinds.report import Verdict as Met
from pg_deploy.ledger.kinds.rollback import Mended, ProofOutcome, RollbackProof, RowsNotRestored, WouldBeLost
from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.ledger.kinds.run import Adopted, Drifted, PassedOver
from pg_deploy.ledger.kinds.verdict_tones import tone_of_access
from pg_deploy.migrations.access_file import AccessFile
from pg_deploy.parsing.lock_modes import Lock
from pg_deploy.reporting.endings import Ending, ending_of

MEASURED = Measurement(1.5, (1.0, 2.0), 7, 3.25, "a hash")
ACCESS = AccessFound(
    "one",
    Outcome.UNDECLARED,
    Verdict.DIFFERENT,
    ("it counts",),
    ("it is shown",),
    ("a note",),
    ("a change",),
    (("public.t", "not settled"),),
    9,
    8,
    1.25,
    (KeptCell("anon", "public.t", "select", CellOutcome.DIFFERENT, ("users",)),),
    (("anon", "users"),),
    (KeptDifference("anon, public", "public.t", ("select",), "gained", "anon can"),),
)
REHEARSED = Rehearsal(
    "one",
    RehearsalOutcome.PASSED,
    "private cluster",
    0.5,
    0.25,
    True,
    (StatementLocks(3, "alter table", 0.125, (Held("public.t", Lock.ACCESS_EXCLUSIVE, 0.1),)),),
    (("a_check", CheckOutcome.NOT_RUN),),
    (ComparedBenchmark("b", "faster", "twice", True, False, 2.0, 1.0),),
    ("rows",),
    ("left",),
    "drop table t",
    ("jobs",),
    "for a reason",
    Changes((("table", "public.t"),), (), (("policy", "public.t.p"),)),
    ("public.t",),
    "a hash",
    "at apply: no",
    ACCESS,
)
PIECES: list[Any] = [
    CheckResult("a", CheckOutcome.FAILED, 0.5, 2, ("x",), (("1",), ("2",)), None),
    LintsBefore((("a lint", "public.t"),)),
    BenchmarkBefore("b", MEASURED),
    MeasuredBenchmark("b", BenchmarkOutcome.BREACHED, MEASURED, MEASURED, "twice", False, "slower", "why"),
    ACCESS,
    REHEARSED,
    RollbackProof("as before", ProofOutcome.FAILED, 5, "f" * 8, ("d",), ("s",), ("o",), ("w",), "select 1"),
    Mended("one", ("d",), "select 1", "no"),
    RowsNotRestored("one", ("r",), "a backup"),
    WouldBeLost("one", ("r",)),
    Answered("one", Answer.REJECTED, "ann", "7", "a hash"),
    Asked("one", "a hash", "a digest"),
    Lent("asking", ("20250101000000",)),
    Restored("b", RestoreOutcome.EQUAL, 3, 4, 1.5, ("n",), ("public.t.c",)),
    Restored("b", RestoreOutcome.FAILED, error="no"),
    Adopted("one", "ann", "by hand", "s", "b", "pending", "written", "the file's", "none"),
    Claimed("an Airflow", "4711"),
    Drifted("since deployment 1", ("d",)),
    PassedOver(("readme.sql",)),
]


def _row(kind: str, name: str, outcome: str, detail: dict[str, object]) -> Evidence:
    kept = json.loads(json.dumps(detail))
    return Evidence(1, 1, None, None, "target", kind, name, str(outcome), kept, datetime.now(timezone.utc))


def _kept(piece: Piece) -> Evidence:
    return _row("any", piece.name, piece.outcome, piece.to_detail())


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: type(piece).__name__)
def test_what_is_kept_is_read_back_as_it_was(piece: Any) -> None:
    """A field that is written and not read is lost to a report that nobody compares."""
    assert type(piece).from_row(_kept(piece)) == piece


def test_the_keys_of_each_kind_stay_as_they_are_kept() -> None:
    """A field is kept under its name: who renames it makes what every older ledger kept under that key empty."""
    keys = {type(piece).__name__: " ".join(sorted(piece.to_detail())) for piece in [*reversed(PIECES), *PARTS]}
    assert keys == KEYS


PARTS: list[Any] = [
    MEASURED,
    REHEARSED.changes,
    *REHEARSED.benchmarks,
    *REHEARSED.statements,
    *REHEARSED.statements[0].locks,
    *ACCESS.differences,
    Written("public.t", 1, 2, 3),
    Criterion("all applied", Met.NOT_MET, "1 of 2"),
]
KEYS = {
    "Changes": "added changed removed",
    "ComparedBenchmark": "after_ms before_ms breached goal goal_met name sentence",
    "Criterion": "evidence title verdict",
    "Held": "held_s mode relation",
    "KeptDifference": "commands direction object role sentence",
    "Measurement": "blocks control_ms cost error ms plan runs_ms",
    "StatementLocks": "line locks seconds summary",
    "Written": "deleted inserted table updated",
    "AccessFound": "against asked cells changes differences kinds notes outcome seconds shown subjects unproven verdict",
    "Adopted": "bundle_hash by checks history reason recorded_text sql_hash was",
    "Answered": "bundle_hash by by_id",
    "Asked": "bundle_hash shown",
    "BenchmarkBefore": "blocks control_ms cost error ms plan runs_ms",
    "CheckResult": "columns error found name outcome rows seconds",
    "Claimed": "system",
    "Drifted": "differences",
    "Lent": "history",
    "LintsBefore": "keys",
    "MeasuredBenchmark": "after before goal goal_met sentence why",
    "Mended": "differences error sql",
    "PassedOver": "names",
    "Rehearsal": "access apply_s benchmarks bundle_hash cannot_be_undone changes checks error generated_rollback left lost"
    " not_rehearsed only_tried place rollback_s statements workload written",
    "Restored": "facts masked notes rows seconds",
    "RollbackProof": "changed_by_others changed_since differences facts fingerprint mending went_along",
    "RowsNotRestored": "backup rows",
    "WouldBeLost": "lines",
}


def test_a_rehearsals_benchmarks_and_a_reports_criteria_are_read_back() -> None:
    """They are read by functions: a benchmark has two forms, a report is of two kinds of run."""
    compared = REHEARSED.benchmarks[0]
    assert read_benchmark(_kept(compared)) == compared
    judged = (Criterion("all applied", Met.NOT_MET, "1 of 2"),)
    assert criteria_of(_kept(DeploymentReport(deployment.State.FAILED, judged, ("one failed",)))) == judged


def test_rows_of_an_older_version_are_read_as_far_as_they_go() -> None:
    """A page of last year's deployment must not break because this year's keeps more."""
    assert RollbackProof.from_row(_row("rollback proof", "n", "passed", {"facts": 3})).differences == ()
    assert RollbackProof("n", ProofOutcome.PASSED, 3).to_detail() == {"facts": 3}
    old = _row(
        "access", "n", "unchanged", {"verdict": "equal by catalog", "cells": [["anon", "t", "select", "proved"]]}
    )
    found = AccessFound.from_row(old)
    assert (found.verdict, found.words, found.is_settled, found.cells[0].kinds) == (None, "equal by catalog", True, ())
    assert tone_of_access(found) == "good"
    unknown = AccessFound.from_row(_row("access", "n", "unchanged", {"verdict": "somehow"}))
    assert (unknown.short, tone_of_access(unknown)) == ("somehow", "plain"), "what is not known settles nothing"
    locks = {"statements": [{"line": 1, "seconds": 1, "locks": [{"relation": "t", "mode": "ShareLock", "held_s": 2}]}]}
    seen = Rehearsal.from_row(_row("rehearsal", "n", "passed", {**locks}))
    assert (seen.statements[0].locks[0].mode, seen.place, seen.changes, seen.access) == (Lock.SHARE, "copy", None, None)
    assert BackupKept.from_row(_row("backup", "n", "taken", {})).rows is None


def test_each_word_is_its_text_wherever_it_goes() -> None:
    """An enum that prints its class, or does not find itself in a mapping, would change logs, pages and rows."""
    assert (f"{State.ROLLED_BACK}", str(Kind.CHECK_BEFORE), json.dumps(Answer.NOBODY)) == (
        "rolled_back",
        "check before",
        '"nobody answered"',
    )
    assert dict[str, int]({State.APPLIED: 1})["applied"] == 1
    assert "applied" in (State.APPLIED,)


def test_each_verdict_of_the_copy_has_its_own_on_the_target_and_only_proofs_settle() -> None:
    """Else a verdict that leaves something open has a tick."""
    on_target = {verdict.as_on_copy: verdict for verdict in (Verdict.EQUAL, Verdict.SAME, Verdict.NOT_PROVED)}
    assert all(target.on_copy == copy for target, copy in on_target.items())
    assert [verdict.is_settled for verdict in on_target] == [True, True, False]
    assert Verdict.SAMPLED.is_settled is Verdict.BY_CATALOG.is_settled is Verdict.OTHER_THAN_ON_COPY.is_settled is False


def test_every_state_has_its_moves_and_its_ending() -> None:
    """A state that nothing leads to, or that no report has a word for, is met at night."""
    assert set(MOVES) == set(State)
    reached = {state for moves in MOVES.values() for state in moves}
    assert set(State) - reached == {State.PLANNED, State.BASELINED}
    between = {State.APPLYING, State.APPLIED, State.ROLLING_BACK, State.ROLLBACK_FAILED}
    assert {state for state in State if ending_of(state, is_recorded=True).is_between} == between
    assert ending_of(State.VERIFIED, is_recorded=False) == Ending.NOT_RECORDED


def _lost(role: str) -> RowDifference:
    said = f'{role} can no longer select 1 row of "public.t" (1)'
    because = ("policy p is gone",)
    return RowDifference(
        "public.t", role, ("select",), "lost", (), 1, 1, (), because,
        f"{said}, because {because[0]}", f"{said}, for the same reason",
    )  # fmt: skip


def test_a_cause_is_told_once_also_where_access_yaml_does_not_declare_it() -> None:
    """Else the one reason of ten sentences has to be read ten times."""
    proof = Proof(Verdict.DIFFERENT, differences=(_lost("anon"), _lost("authenticated")))
    first, second, *rest = (each.text for each in _causes_once(decide("changed", AccessFile(), proof).reasons))
    assert "anon can no longer select" in first
    assert ", because policy p is gone; access.yaml does not declare it" in first
    assert ", for the same reason; access.yaml does not declare it" in second
    assert not any("for the same reason" in each for each in rest)


def test_a_rewritten_policy_is_told_by_what_it_says_now_whatever_it_is_called() -> None:
    """Its name may hold the very words that join the two texts."""
    said = Rewritten('policy "it was so; it is now otherwise" on "public.t"', "a" * 300, "b" * 300)
    change = AccessChange("changed", "anon", "public.t", ("select",), said.sentence, decides=False, rewritten=said)
    assert change.short == f'policy "it was so; it is now otherwise" on "public.t" is now {"b" * 300}'
    assert len(shorten_sentence(said.sentence)) <= 240
