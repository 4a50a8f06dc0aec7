"""The counts of a transaction do not include what its session wrote before it."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.execution.rows_written import grown, written_here
from pg_deploy.execution.transaction_counters import count_from_none
from pg_deploy.ledger.kinds.rows_written import Written
from tests.servers.server import running


@pytest.mark.server
@pytest.mark.parametrize("name", ["own", pytest.param("14", marks=pytest.mark.acceptance)])
def test_a_transaction_is_not_blamed_for_what_its_session_wrote_before(name: str) -> None:
    """Else a migration is rolled back for rows that a benchmark wrote in the same session, and rolled back itself."""
    with running(name) as server, psycopg.connect(server.admin_url("postgres"), autocommit=True) as connection:
        connection.execute("create table public.t as select n from generate_series(1, 5) n")
        with connection.transaction(force_rollback=True):
            connection.execute("update public.t set n = n")
        with connection.transaction(force_rollback=True):
            # The premise: if this did not happen, nobody would need the module.
            assert [each.updated for each in written_here(connection)] == [5]
        count_from_none(connection)
        with connection.transaction(force_rollback=True):
            assert written_here(connection) == ()
            connection.execute("delete from public.t where n = 1")
            first = written_here(connection)
            assert first == (Written("public.t", 0, 0, 1),)
            connection.execute("delete from public.t")
            assert grown(first, written_here(connection)) == (Written("public.t", 0, 0, 4),)
