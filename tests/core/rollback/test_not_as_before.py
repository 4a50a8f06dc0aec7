"""What the catalog does not show is never covered by "as before": rows, values, and the positions of sequences."""

from __future__ import annotations

import pytest

from demo import cluster
from pg_deploy.rollback.errors import CommittingRollbackError, NoRollbackError
from tests.core.rollback.conftest import VERSION, Undo
from tests.looking import Database

AS_BEFORE = "rolled back, the database is as before"


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with a table of two rows, a sequence at 500, and functions that write."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run("create table public.old (id int, email text)")
    found.run("insert into public.old values (1, 'A'), (2, 'B')")
    found.run("create table public.log (what text)")
    found.run("create schema apart")
    found.run("create table apart.log (what text)")
    found.run("create sequence public.numbers")
    found.run("select setval('public.numbers', 500)")
    found.run("create function public.touch() returns void language sql as $$ update public.old set email = 'x' $$")
    found.run(
        "create function public.note() returns trigger language plpgsql as "
        "$$ begin insert into public.log values ('seen'); return null; end $$"
    )
    return found


REMADE = {
    "a table": (
        "drop table apart.log",
        "create table apart.log (what text)",
        "rows of apart.log, which was made again",
    ),
    "a column": (
        "alter table public.old drop column email",
        "alter table public.old add column email text",
        "values of public.old.email, which was made again",
    ),
    "a sequence": (
        "drop sequence public.numbers",
        "create sequence public.numbers",
        "sequence public.numbers, which stands at 0 and stood at 500",
    ),
    "a sequence that the text sets": (
        "select setval('public.numbers', 9000)",
        "select 1",
        "sequence public.numbers, which stands at 9000 and stood at 500",
    ),
    "a sequence in a block": (
        "do $$ begin perform setval('public.num' || 'bers', 3); end $$",
        "select 1",
        "sequence public.numbers, which stands at 3 and stood at 500",
    ),
    "rows of a block": (
        "do $$ begin update public.old set email = 'x'; end $$",
        "select 1",
        "rows of public.old (2 updated), which no statement of the text names",
    ),
    "rows of a statement": ("update public.old set email = 'x'", "select 1", "rows of public.old"),
}


@pytest.mark.parametrize("what", REMADE)
def test_what_a_written_rollback_does_not_bring_back_is_named(what: str, undo: Undo) -> None:
    """Else an empty table, or a sequence that gives out used numbers, is called "as before"."""
    sql, rollback, named = REMADE[what]

    assert undo(f"{sql};", f"{rollback};", verified=True).sentence == f"{AS_BEFORE} but for {named}"


RUNS_CODE = {
    "a block": "do $$ begin update public.old set email = 'x'; end $$",
    "a function": "select public.touch()",
    "a trigger": "create trigger t after insert on public.young execute function public.note(); "
    "insert into public.young values (1)",
    "a block that commits": "do $$ begin update public.old set email = 'x'; commit; end $$",
}


@pytest.mark.parametrize("what", RUNS_CODE)
def test_rows_that_code_wrote_are_no_reason_to_say_as_before(what: str, undo: Undo, database: Database) -> None:
    """Else nothing is undone, the version leaves the history, and the next run writes the rows a second time."""
    with pytest.raises(NoRollbackError, match=r"rows of (public\.(old|log)|tables)"):
        undo(f"create table public.young (id int); {RUNS_CODE[what]};", None, verified=True)
    assert database.history == [VERSION]


@pytest.mark.parametrize(
    "sql",
    [
        "alter table public.old add column age int; update public.old set age = 1",
        "create table public.young as select * from public.old; do $$ begin update public.young set id = 3; end $$",
        "alter table public.old rename to older; create table public.old as select * from public.older",
        "create sequence public.mine; select setval('public.mine', 7)",
    ],
)
def test_rows_of_what_the_migration_made_count_for_nothing(sql: str, undo: Undo) -> None:
    """Else no backfill of a new column could be undone without a rehearsal."""
    assert undo(f"{sql};", None, verified=True).sentence == AS_BEFORE


def test_what_an_event_trigger_writes_is_named_and_stops_no_rollback(
    demo_cluster: cluster.Cluster, database: Database, undo: Undo
) -> None:
    """Else a database that keeps a log of its DDL could undo nothing."""
    database.run(
        "create function public.on_ddl() returns event_trigger language plpgsql as "
        "$$ begin insert into public.log values ('ddl'); end $$"
    )
    admin = Database(demo_cluster.admin_url(database.url.rsplit("/", 1)[1]))
    admin.run("create event trigger log_ddl on ddl_command_end execute function public.on_ddl()")

    undone = undo("create table public.young (id int);", None, verified=True)

    assert (
        undone.sentence == f"{AS_BEFORE} but for rows of public.log (1 inserted), which no statement of the text names"
    )


def test_a_rollback_that_commits_by_itself_is_refused_without_a_rehearsal(undo: Undo, database: Database) -> None:
    """Else what it deletes is deleted before anybody can look, and no fact of the catalog shows it."""
    with pytest.raises(CommittingRollbackError, match="commits by itself"):
        undo(
            "create table public.young (id int);",
            "drop table public.young; do $$ begin delete from public.old; commit; end $$;",
            verified=True,
        )
    assert database.value("select count(*) from public.old") == 2
