"""Inputs of tests/cases/servers whose last migration is undone right after it, through the engine without Airflow.

Those that need a whole run are in tests/dags/test_server_cases.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.rollback.roll_back import roll_back
from tests.core.working import working_on
from tests.migrations.runner import state
from tests.servers.server import bootstrap, fill, running

pytestmark = pytest.mark.server

CASES = Path(__file__).resolve().parents[1] / "cases" / "servers"


def assert_undone_as_it_was(name: str, *cases: str) -> None:
    """Apply each folder, undo its last migration, and see facts and pg_dump as before that one."""
    with running(name) as server:
        bootstrap(server)
        fill(server)
        for case in cases:
            with working_on(server.url(), CASES / case) as work:
                *first, last = work.migrations
                for migration in first:
                    work.apply(migration)
                before = state(server.url(), server.bindir)
                work.apply(last)
                assert state(server.url(), server.bindir) != before
                undone = roll_back(work.job, last.version)
                assert undone.attempt.state == "rolled_back", work.text
                assert state(server.url(), server.bindir) == before


@pytest.mark.acceptance
def test_a_validated_not_null_and_a_view_made_anew_are_undone_and_proven_on_18() -> None:
    """Else a failed check leaves the database "between two states" on the server that everybody moves to."""
    assert_undone_as_it_was("18-wheel", "m-validate", "m-view")


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["15.18", "15", "17", "18"])
def test_a_view_made_anew_is_undone_and_proven_on_servers_that_keep_something_for_themselves(name: str) -> None:
    """Else what the server writes for itself (pg_attver) makes a right rollback look wrong for ever."""
    assert_undone_as_it_was(name, "m-view")
