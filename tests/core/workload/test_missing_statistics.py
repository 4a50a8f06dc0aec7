"""Statistics that a migration takes away or forgets."""

from __future__ import annotations

import pytest

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.missing_statistics import compare_statistics, read_statistics

SHOP = """
create table public.orders (id int primary key, note text, total int, placed date);
insert into public.orders select n, 'note ' || n, n, date '2026-01-01' + n from generate_series(1, 2000) n;
create table public."Odd Table" (a int); insert into public."Odd Table" select generate_series(1, 100);
create table public.events (id int, at date) partition by range (at);
create table public.events_1 partition of public.events for values from ('2026-01-01') to ('2026-02-01');
insert into public.events select n, '2026-01-02' from generate_series(1, 100) n;
create table public.empty (a int); create table public.unread (a int);
analyze;
"""
READ_BY = {
    "public.orders": 1000.0,
    "public.Odd Table": None,
    "public.events": 5.0,
    "public.empty": 1.0,
    "public.filled": 7.0,
}


def findings(connection: Connection, migration: str) -> tuple[WorkloadFinding, ...]:
    """What is found when the migration runs on tables that were analysed."""
    connection.execute(SHOP.encode())
    before = read_statistics(connection)
    connection.execute(migration.encode())
    return compare_statistics(before, read_statistics(connection), READ_BY)


FORGOTTEN = {
    "index on an expression": (
        "create index on public.orders (lower(note))",
        "public.orders",
        "expression lower(note) of index orders_lower_idx of public.orders",
    ),
    "rewritten column": (
        "alter table public.orders alter column total type bigint",
        "public.orders",
        "column total of public.orders",
    ),
    "table replaced by a copy": (
        "alter table public.orders rename to orders_old;"
        " create table public.orders as table public.orders_old; drop table public.orders_old",
        "public.orders",
        "of public.orders after",
    ),
    "odd name": (
        'alter table public."Odd Table" alter column a type text',
        'public."Odd Table"',
        'of public."Odd Table" after',
    ),
    "new partition with rows": (
        "create table public.events_2 (id int, at date); insert into public.events_2 values (1, '2026-02-02');"
        " alter table public.events attach partition public.events_2 for values from ('2026-02-01') to ('2026-03-01')",
        "public.events_2",
        "of public.events_2 after",
    ),
    "first rows": ("insert into public.empty select generate_series(1, 500)", "public.empty", "of public.empty after"),
    "extended statistics": (
        "create statistics public.s on note, total from public.orders",
        "public.orders",
        "statistics s of public.orders",
    ),
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_what_a_migration_leaves_without_statistics_is_named_with_the_remedy(
    workload_session: Connection, name: str
) -> None:
    """Until somebody analyses the table, its statements have the plans of a guess."""
    migration, table, words = FORGOTTEN[name]
    (finding,) = findings(workload_session, migration)
    assert finding.effect is Effect.NO_STATISTICS
    assert finding.remedy == f"analyze {table};"
    assert words in finding.sentence
    assert finding.counts is False


@pytest.mark.parametrize("name", FORGOTTEN)
def test_the_remedy_is_one(workload_session: Connection, name: str) -> None:
    """A remedy that is pasted and does not help is worse than none."""
    migration, table, _ = FORGOTTEN[name]
    assert findings(workload_session, f"{migration}; analyze {table}") == ()


@pytest.mark.parametrize(
    "migration",
    [
        "alter table public.orders add column fresh int default 3",
        "create table public.another (a int); insert into public.another values (1)",
        "create table public.nothing (a int); create index on public.nothing ((a + 1))",
        "alter table public.unread alter column a type text",
        "create index on public.orders (note)",
        "alter table public.orders rename column note to remark; alter table public.orders rename to orders_2",
        "vacuum full public.orders",
        "insert into public.orders (id) values (9999); update public.orders set note = 'x'; delete from public.orders where id < 10",
        "create table public.filled (a int); create index on public.filled ((a + 1))",
        "alter table public.empty alter column a type text; create index on public.empty ((a || 'x'))",
        "truncate public.orders",
    ],
)
def test_what_needs_no_statistics_is_no_finding(workload_session: Connection, migration: str) -> None:
    """Nothing reads it, nothing is in it, or it was told before."""
    assert findings(workload_session, migration) == ()


def test_a_table_that_was_never_analysed_is_not_the_migrations_fault(workload_session: Connection) -> None:
    """Else every migration would be told so."""
    workload_session.execute(SHOP.replace("analyze;", "").encode())
    before = read_statistics(workload_session)
    workload_session.execute("alter table public.orders alter column total type bigint")
    assert compare_statistics(before, read_statistics(workload_session), READ_BY) == ()


def test_a_finding_says_how_often_the_table_is_read(workload_session: Connection) -> None:
    """What is read most is mended first."""
    (finding,) = findings(workload_session, FORGOTTEN["rewritten column"][0])
    assert (finding.calls_a_day, finding.objects) == (1000.0, ("public.orders",))
