"""The commands of pg_cron's jobs: which breaks are seen, and which commands raise no alarm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.workload.jobs import Job, compare_jobs, read_jobs

SHOP = """
create role shop_jobs; create schema shop; grant usage on schema shop to shop_jobs;
create table shop.orders (id int primary key, note text, placed timestamptz);
create materialized view shop.totals as select count(*) from shop.orders;
create function shop.nightly(days int) returns void language plpgsql as 'begin end';
create procedure shop.tidy(days int, hard boolean default false) language plpgsql as 'begin end';
grant all on shop.orders to shop_jobs;
"""
COMMANDS = {
    "insert": "insert into shop.orders (id, note) values (1, 'x')",
    "delete": "delete from shop.orders where placed < now() - interval '30 days'; select 1",
    "select": "select shop.nightly(3)",
    "call": "call shop.tidy(30)",
    "refresh": "refresh materialized view shop.totals",
    "vacuum": "vacuum (analyze) shop.orders",
    "reindex": "reindex index concurrently shop.orders_pkey",
    "truncate": "truncate table only shop.orders",
    "own path": "set search_path = shop; delete from orders where note is null",
    "block": "do $$ declare r record; begin for r in select * from shop.orders loop perform r.note; end loop; end $$",
    "odd": "vacuum; analyze; checkpoint; set work_mem = '4MB'; reindex schema shop; do language plpgsql 'begin end'",
    "unparsable": "delete from from where",
    "broken": "delete from shop.nowhere",
}
BREAKS = {
    "insert": ("alter table shop.orders drop column note", "42703", "note"),
    "delete": ("alter table shop.orders rename column placed to placed_at", "42703", "placed"),
    "select": (
        "drop function shop.nightly(int); create function shop.nightly(a int, b text) returns void language sql as ''",
        "42883",
        "shop",
    ),
    "call": ("drop procedure shop.tidy(int, boolean)", "42883", "shop"),
    "refresh": ("drop materialized view shop.totals", "42P01", "totals"),
    "reindex": ("alter table shop.orders rename constraint orders_pkey to orders_key", "42P01", "orders_pkey"),
    "block": ("alter table shop.orders rename column note to remark", "42703", "note"),
    "own path": ("alter table shop.orders drop column note", "42703", "note"),
}


@pytest.fixture
def cron(catalog_database: str) -> Iterator[Connection]:
    """A superuser's session in the database that pg_cron is in, with the jobs of COMMANDS under the role shop_jobs."""
    with Target("workload", catalog_database).session("tests") as connection:
        connection.execute(SHOP.encode())
        try:
            for name, command in COMMANDS.items():
                connection.execute("select cron.schedule(%s, '0 3 * * *', %s)", [name, command])
            connection.execute("update cron.job set username = 'shop_jobs'")
            yield connection
        finally:
            connection.execute("reset role; delete from cron.job")
            connection.execute("drop schema shop cascade; drop owned by shop_jobs; drop role shop_jobs")


def findings(connection: Connection, migration: str) -> tuple[dict[str, Job], tuple[WorkloadFinding, ...]]:
    """The jobs before a migration, and what is found when it ran."""
    before = read_jobs(connection)
    connection.execute(migration.encode())
    return before, compare_jobs(before, read_jobs(connection))


@pytest.mark.parametrize("name", BREAKS)
def test_a_job_that_a_migration_breaks_is_named(cron: Connection, name: str) -> None:
    """Nobody sees a job fail at three in the morning."""
    migration, sqlstate, token = BREAKS[name]
    _, found = findings(cron, migration)
    finding = {each.subject: each for each in found}[f"cron job {name}"]
    assert (finding.effect, finding.sqlstate, finding.token) == (Effect.JOB_BROKEN, sqlstate, token)
    assert finding.roles == ("shop_jobs",)
    assert finding.caret is not None
    assert finding.line[finding.caret :].startswith(token)


def test_a_dropped_table_breaks_every_job_that_names_it_and_no_other(cron: Connection) -> None:
    """A list that is too long is not read, one that is too short is believed."""
    _, found = findings(cron, "drop table shop.orders cascade")
    broken = {each.subject.removeprefix("cron job ") for each in found}
    assert broken == {"insert", "delete", "refresh", "vacuum", "reindex", "truncate", "own path", "block"}


def test_a_right_that_the_jobs_user_loses_is_a_finding(cron: Connection) -> None:
    """A job runs as its user, not as the one who looks."""
    _, found = findings(cron, "revoke delete on shop.orders from shop_jobs")
    assert {(each.subject, each.sqlstate) for each in found} == {
        ("cron job delete", "42501"),
        ("cron job own path", "42501"),
    }


def test_jobs_that_no_migration_touches_raise_no_alarm(cron: Connection) -> None:
    """What was broken before is not the migration's fault."""
    before, found = findings(cron, "alter table shop.orders add column more int; create index on shop.orders (placed)")
    assert found == ()
    assert [subject for subject, job in before.items() if job.problems] == ["cron job broken"]


def test_a_command_that_the_migration_changes_is_judged_and_a_new_one_is_not(cron: Connection) -> None:
    """What a new job does is the author's own affair: nothing that runs today stops."""
    changed = "update cron.job set command = 'delete from shop.ordres' where jobname = 'insert'"
    new = "insert into cron.job (jobname, schedule, command, username) values ('new', '* * * * *', 'delete from x', 'shop_jobs')"
    _, found = findings(cron, f"{changed}; {new}")
    assert [(each.subject, each.sqlstate) for each in found] == [("cron job insert", "42P01")]


def test_two_users_may_have_a_job_of_one_name(cron: Connection) -> None:
    """pg_cron keeps names apart by user."""
    cron.execute("insert into cron.job (jobname, schedule, command) values ('insert', '* * * * *', 'select 1')")
    assert {"cron job insert of shop_jobs", "cron job insert of admin"} <= read_jobs(cron).keys()


def test_a_job_without_a_name_is_called_by_its_command(cron: Connection) -> None:
    """Its number is another one in a copy."""
    cron.execute("insert into cron.job (schedule, command) values ('* * * * *', E'select\\n 1 from shop.orders')")
    _, found = findings(cron, "drop table shop.orders cascade")
    assert "cron job: select 1 from shop.orders" in {each.subject for each in found}


def test_without_pg_cron_there_are_no_jobs(workload_session: Connection) -> None:
    """Most databases have none."""
    assert read_jobs(workload_session) == {}


def test_a_command_that_a_lock_kept_from_being_asked_is_neither_broken_nor_was_it(
    cron: Connection, catalog_database: str
) -> None:
    """Else a busy moment fails a rehearsal, or a job that breaks counts as broken before."""
    before = read_jobs(cron)
    with Target("workload", catalog_database).session("locker") as other, other.transaction():
        other.execute("lock table shop.orders in access exclusive mode")
        locked = read_jobs(cron)
    assert compare_jobs(before, locked) == ()
    assert [subject for subject, job in locked.items() if job.problems] == ["cron job broken"]
    cron.execute("alter table shop.orders drop column note")
    assert "cron job insert" in {each.subject for each in compare_jobs(locked, read_jobs(cron))}
