"""The migrations that are deployed while things are killed, one of each class, and the check that each is deployed exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pg_deploy.catalog.reader import Fact, read_facts
from tests.building import write_migration
from tests.faults.server import Server
from tests.looking import Database
from tests.waiting import until

TEMPLATE = "faults_template"
STEM = "20250101000000_change"
VERSION = "20250101000000"

# `slow` makes a build of 150 rows take some 0.5 s: it looks at each row twice. `switch` says whether checks pass.
BASE = """
create table public.counter (x integer not null);
insert into public.counter values (0);
create table public.item (id integer primary key, k integer not null, note text);
insert into public.item select i, i % 10, 'note ' || i from generate_series(1, 150) as i;
create index item_k on public.item (k);
create table public.switch (ok boolean not null);
insert into public.switch values (true);
create function public.slow(n integer) returns integer immutable language plpgsql as $$
begin
    perform pg_sleep(0.0015);
    return n;
end
$$;
"""


@dataclass(frozen=True)
class Scenario:
    """One class of migration: its SQL, what undoes it, and what the counter shows once it is deployed."""

    name: str
    sql: str
    rollback: str
    counter: int


SCENARIOS = {
    one.name: one
    for one in (
        Scenario(
            "transaction",
            "create table public.added (id integer);\nalter table public.item add column more integer;\n"
            "create index item_more on public.item (more);\nupdate public.counter set x = x + 1;\n",
            "update public.counter set x = x - 1;\ndrop index public.item_more;\n"
            "alter table public.item drop column more;\ndrop table public.added;\n",
            1,
        ),
        Scenario(
            "concurrently",
            "create index concurrently item_slow on public.item (slow(k));\n"
            "create index concurrently if not exists item_note on public.item (note);\n",
            "drop index concurrently if exists public.item_note;\ndrop index concurrently if exists public.item_slow;\n",
            0,
        ),
        Scenario(
            "mixed",
            "update public.counter set x = x + 1;\nalter table public.item add column more integer;\n"
            "create index concurrently item_slow on public.item (slow(k));\nupdate public.counter set x = x + 1;\n"
            "create index concurrently item_more on public.item (more);\n",
            "drop index concurrently if exists public.item_more;\n"
            "update public.counter set x = x - 1 where x = 2;\n"
            "drop index concurrently if exists public.item_slow;\n"
            "update public.counter set x = x - 1 where x = 1;\nalter table public.item drop column if exists more;\n",
            2,
        ),
        Scenario(
            "data",
            "update public.counter set x = slow(x) + 1;\nselect pg_sleep(0.3);\n",
            "update public.counter set x = x - 1;\n",
            1,
        ),
        Scenario(
            "unique",
            "create unique index concurrently item_slow on public.item (slow(id));\n",
            "drop index concurrently if exists public.item_slow;\n",
            0,
        ),
    )
}

CHECKS = {
    "the_switch_is_on": "select 'off' where not (select ok from public.switch);",
    "something_else_holds": "select 'empty' where not exists (select from public.item);",
}


def make_template(server: Server) -> None:
    """The database that each case gets a copy of."""
    url = server.create(TEMPLATE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BASE)


def write(scenario: Scenario, directory: Path) -> Path:
    """The folder of that scenario's migration."""
    folder = directory / scenario.name
    if not folder.exists():
        write_migration(folder, STEM, scenario.sql, rollback=scenario.rollback, checks=CHECKS)
    return folder


def sleep_per_row(database: Database, seconds: float = 0.0015) -> None:
    """Set how long slow() takes; reset it to the default before the catalog is compared."""
    database.run(
        "create or replace function public.slow(n integer) returns integer immutable language plpgsql as "
        f"$$\nbegin\n    perform pg_sleep({seconds});\n    return n;\nend\n$$"
    )


@contextmanager
def copied(server: Server, name: str) -> Iterator[Database]:
    """A target of its own; removed at the end if the case went well."""
    database = Database(server.create(name, TEMPLATE))
    yield database
    server.drop(name)


def facts_of(database: Database) -> frozenset[Fact]:
    """The catalog as the migration leaves it; the ledger's own objects and the CLI's are there in any case."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        return frozenset(
            fact for fact in read_facts(connection).facts if fact.scope == "database" and "public." in fact.identity
        )


def our_backends(database: Database) -> list[str]:
    """Sessions of the engine that are still there."""
    rows = database.rows(
        """select pid || ' ' || application_name || ' ' || coalesce(state, '') || ' ' || query from pg_stat_activity
        where datname = current_database() and starts_with(application_name, 'pg_deploy')"""
    )
    return [row[0] for row in rows]


def find_problems(database: Database, scenario: Scenario, expected: frozenset[Fact]) -> list[str]:
    """What is wrong, in words; nothing if the migration is deployed and verified once, and everything says so."""
    wrong = []
    if (x := database.value("select x from public.counter")) != scenario.counter:
        wrong.append(f"the counter shows {x}, not {scenario.counter}")
    if database.invalid_indexes:
        wrong.append(f"invalid: {database.invalid_indexes}")
    if (found := facts_of(database)) != expected:
        wrong.append(f"the catalog differs: {sorted(str(fact)[:200] for fact in found ^ expected)}")
    states = [state for _, state in database.attempts]
    if states[-1:] != ["verified"] or not {*states[:-1]} <= {"planned", "snapshotted", "rolled_back"}:
        wrong.append(f"attempts: {states}")
    if database.history != [VERSION]:
        wrong.append(f"history: {database.history}")
    if database.deployments[-1:] != ["deployed"] or "open" in database.deployments:
        wrong.append(f"deployments: {database.deployments}")
    twice = database.rows(
        """select s.direction, s.segment, s.ordinal from deploy_ledger.statement_run s
        where s.ended_at is not null group by s.attempt_id, 1, 2, 3 having count(*) > 1"""
    )
    if twice:
        wrong.append(f"ended twice, says the ledger: {twice}")
    ended = database.value(
        """select count(*) from deploy_ledger.statement_run s join deploy_ledger.attempt a on a.id = s.attempt_id
        where a.state = 'verified' and s.direction = 'apply' and s.ended_at is not null"""
    )
    if ended != scenario.sql.count(";"):
        wrong.append(f"the ledger shows {ended} statements ended, not {scenario.sql.count(';')}")
    try:
        until(lambda: not our_backends(database), "every backend of ours is gone", 20)
    except AssertionError:
        wrong.append(f"backends left: {our_backends(database)}")
    return wrong
