"""What is recorded of a database, and what is said where it cannot be seen."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.conninfo
import pytest

from pg_deploy.ledger.kinds.workload import Recording, Workload
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.workload.record import record_workload
from tests.building import write_migration
from tests.looking import Database


@pytest.fixture
def application(database: Database) -> Iterator[str]:
    """A role with a table of its own, and a name that no other test has."""
    role = f"app_{secrets.token_hex(3)}"
    database.run(
        f"create table public.orders (id integer, note text); create role {role} login password 'x'; grant all on public.orders to {role}"
    )
    database.run("select extensions.pg_stat_statements_reset()")
    yield role
    database.run(f"drop owned by {role}; drop role {role}")


def _send(database: Database, role: str, *statements: str, times: int = 3) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"set role {role}".encode())
        for statement in statements * times:
            connection.execute(statement.encode())


def _recorded(database: Database, own: tuple[Migration, ...] = (), user: str = "") -> Workload:
    url = psycopg.conninfo.make_conninfo(database.url, user=user, password="x") if user else database.url
    with Target("target", url).session("workload") as connection:
        return record_workload(connection, ledger="deploy_ledger", own=own)


def test_queries_are_recorded_with_role_and_calls(database: Database, application: str) -> None:
    """Constants are parameters: no value of the application is kept."""
    _send(
        database, application, "select note from public.orders where id = 7", "delete from public.orders where id = 8"
    )

    found = {each.text: each for each in _recorded(database).statements}

    assert set(found) == {"select note from public.orders where id = $1", "delete from public.orders where id = $1"}
    assert {each.role for each in found.values()} == {application}
    assert {each.calls for each in found.values()} == {3.0}
    assert all(len(each.id) == 8 and each.key for each in found.values())


def test_what_is_no_query_of_the_application_is_left_out(database: Database, application: str) -> None:
    """Utility statements may hold passwords; catalogs are the server's; our own statements are no application's."""
    _send(
        database,
        application,
        "set application_name = 'x'",
        "select relname from pg_catalog.pg_class",
        "select * from pg_stat_activity",
        "select set_config('search_path', 'public', true), set_config('app.user', '7', true)",
        "begin",
        "rollback",
        "table public.orders",
    )

    assert [each.text for each in _recorded(database).statements] == ["table public.orders"]


def test_of_the_deploying_role_what_it_sent_once_and_what_belongs_to_a_migration_is_left_out(
    database: Database, tmp_path: Path
) -> None:
    """Else a person's query of last month, or a check of an earlier migration, would stop a drop."""
    checks = {"nothing_is_wrong": "select id from public.orders where note = 'wrong'"}
    write_migration(tmp_path, "20250101000000_a", "alter table public.orders add column more integer;", checks=checks)
    own = load_all(scan_folder(tmp_path).files)
    database.run("create table public.orders (id integer, note text); select extensions.pg_stat_statements_reset()")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("select count(*) from public.orders")
        for _ in range(5):
            connection.execute("select id from public.orders where note = 'something else'")
            connection.execute("select note from public.orders")

    found = _recorded(database, own)

    assert [each.text for each in found.statements] == ["select note from public.orders"]
    assert any("sent once or twice" in note for note in found.notes)


def test_without_the_right_to_see_others_it_says_how_to_grant_it(database: Database, application: str) -> None:
    """As a role that is no superuser and no member of pg_read_all_stats or pg_monitor."""
    other = f"{application}_deployer"
    _send(database, application, "select note from public.orders")
    database.run(f"create role {other} login password 'x'; grant usage on schema extensions to {other}")
    try:
        found = _recorded(database, user=other)
        database.run(f"grant pg_read_all_stats to {other}")
        seen = _recorded(database, user=other)
    finally:
        database.run(f"drop owned by {other}; drop role {other}")

    assert found.outcome is Recording.NOT_VISIBLE
    assert any(f"grant pg_read_all_stats to {other}" in note for note in found.notes)
    assert [each.role for each in seen.statements] == [application]


def test_without_the_extension_it_says_what_to_create(database: Database) -> None:
    """The proof is silent then, and must not look as if it had found nothing."""
    database.run("drop extension pg_stat_statements")

    found = _recorded(database)

    assert found.outcome is Recording.MISSING
    assert "create extension pg_stat_statements" in found.notes[0]


def test_counters_that_were_just_reset_say_so(database: Database, application: str) -> None:
    """What is sent once a day is not in them."""
    _send(database, application, "select note from public.orders")

    found = _recorded(database)

    assert any(note.startswith("the counters were reset 0 min ago") for note in found.notes)
    assert found.statements[0].calls_a_day is None


def test_what_looks_like_a_secret_is_masked_and_comes_back_from_the_ledger(
    database: Database, application: str
) -> None:
    """A comment is no constant: the server keeps it as it is."""
    _send(database, application, "select note from public.orders -- https://me:hunter2@example.org")

    found = _recorded(database)
    back = Workload.from_detail({**found.to_detail(), "name": found.name, "outcome": found.outcome})

    assert "hunter2" not in found.statements[0].text
    assert back == found
