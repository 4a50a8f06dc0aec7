"""Where each migration stands, by history and ledger together, and what a run would deploy."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from pg_deploy.errors import EditedAfterDeploymentError
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.attempt import State as AttemptState
from pg_deploy.migrations.errors import UnknownMigrationError
from pg_deploy.migrations.history import HistoryRow
from pg_deploy.migrations.migration import MigrationFile
from pg_deploy.preflight.errors import HistoryMismatchError, MissingFileError, OutOfOrderError
from pg_deploy.preflight.migration_standings import Standing, State, make_plan

A, B, C = "20250101000000", "20250102000000", "20250103000000"
_NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)


def _file(version: str) -> MigrationFile:
    return MigrationFile(version, "m", Path(f"{version}_m.sql"), "select 1;", f"hash {version}")


def _attempt(version: str, state: str, sql_hash: str | None = None) -> Attempt:
    return Attempt(
        1, 1, version, f"{version}_m", sql_hash or f"hash {version}", AttemptState(state), None, _NOW, None, None, None
    )


def _state(recorded: str = "", **attempts: str) -> State:
    """`recorded` holds the letters in the history; `attempts` the state of each letter's newest attempt."""
    versions = {"a": A, "b": B, "c": C}
    return State(
        {versions[letter]: HistoryRow(versions[letter], "m") for letter in recorded},
        {versions[letter]: _attempt(versions[letter], state) for letter, state in attempts.items()},
    )


@pytest.mark.parametrize(
    ("recorded", "attempt", "standing"),
    [
        (False, None, Standing.PENDING),
        (False, "planned", Standing.PENDING),
        (False, "snapshotted", Standing.PENDING),
        (False, "applying", Standing.UNFINISHED),
        (False, "applied", Standing.UNFINISHED),
        (True, "applied", Standing.UNFINISHED),
        (True, "applying", Standing.UNFINISHED),
        (False, "rolling_back", Standing.UNFINISHED),
        (True, "rolling_back", Standing.UNFINISHED),
        (False, "rollback_failed", Standing.UNFINISHED),
        (True, "rollback_failed", Standing.UNFINISHED),
        (False, "rolled_back", Standing.ROLLED_BACK),
        (True, "verified", Standing.DEPLOYED),
        (False, "verified", Standing.GONE),
        (True, "baselined", Standing.BASELINED),
        (False, "baselined", Standing.GONE),
        (True, None, Standing.ELSEWHERE),
        # Rolled back by us, then pushed by somebody with the CLI.
        (True, "rolled_back", Standing.ELSEWHERE),
        (True, "snapshotted", Standing.ELSEWHERE),
    ],
)
def test_where_a_migration_stands(recorded: bool, attempt: str | None, standing: Standing) -> None:
    """Else a run killed before verify would count as deployed, or what is in place be applied again."""
    state = State({A: HistoryRow(A, "m")} if recorded else {}, {A: _attempt(A, attempt)} if attempt is not None else {})

    assert state.standing(A) is standing
    assert not (standing.is_in_place and standing.is_pending)


@pytest.mark.parametrize(
    ("state", "wanted", "out_of_order", "chosen", "faults"),
    [
        (_state(), (), False, [A, B, C], []),
        (_state("a", a="verified"), (), False, [B, C], []),
        (_state("abc", a="verified", b="baselined"), (), False, [], []),
        (_state(), (B,), False, [B], []),
        (_state(), (f"{B}_m", C), False, [B, C], []),
        (_state(), ("20990101000000",), False, [], [UnknownMigrationError]),
        # A pending migration is older than the newest applied one.
        (_state("b", b="verified"), (), False, [A, C], [OutOfOrderError]),
        (_state("b", b="verified"), (), True, [A, C], []),
        (_state("b", b="verified"), (C,), False, [C], []),
        # A migration that was rolled back, or begun and not finished, keeps its place.
        (_state("b", a="rolled_back", b="verified"), (), False, [A, C], []),
        (_state("b", a="applying", b="verified"), (), False, [A, C], []),
        (_state("", a="verified"), (), False, [B, C], [HistoryMismatchError]),
    ],
)
def test_what_a_run_would_deploy(
    state: State, wanted: tuple[str, ...], out_of_order: bool, chosen: list[str], faults: list[type[Exception]]
) -> None:
    """Else a run would deploy what nobody chose, or pass over what is pending."""
    plan = make_plan([_file(v) for v in (A, B, C)], state, wanted=wanted, out_of_order=out_of_order)

    assert [file.version for file in plan.chosen] == chosen
    assert [type(fault) for fault in plan.faults] == faults


def test_all_faults_of_a_plan_are_reported_at_once() -> None:
    """Else each would cost a run of its own. Here a deployed file was edited, and a version has no file."""
    state = State(
        {A: HistoryRow(A, "m"), "20240101000000": HistoryRow("20240101000000", "gone")},
        {A: _attempt(A, "verified", "another hash")},
    )

    plan = make_plan([_file(A), _file(B)], state)

    assert [type(fault) for fault in plan.faults] == [EditedAfterDeploymentError, MissingFileError]
    assert "20240101000000" in str(plan.faults[1])


def test_an_edit_is_forgiven_if_nothing_of_the_file_is_in_place() -> None:
    """Else a migration that was rolled back could never be corrected and deployed."""
    state = State({}, {A: _attempt(A, "rolled_back", "another hash")})

    plan = make_plan([_file(A)], state)

    assert plan.faults == ()
    assert [file.version for file in plan.chosen] == [A]
