"""A generated rollback in the rehearsal: run and proven on the copy, added to the pin, used as deployed later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import pins
from pg_deploy.ledger.errors import PinnedContentChangedError
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal.errors import RehearsalFailedError
from pg_deploy.rehearsal.rehearse import Stage, rehearse
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

STEM, VERSION = "20250101000000_change", "20250101000000"
OLD = """create table public.old (id integer primary key, email text);
    insert into public.old values (1, 'a');
    create sequence public.numbers;
    select setval('public.numbers', 500)"""


@pytest.fixture
def database(empty_database: str) -> Database:
    """The target."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run(OLD)
    return found


@pytest.fixture
def copy(demo_cluster: cluster.Cluster, database: Database) -> Iterator[Database]:
    """A database that is like the target."""
    url = cluster.empty(demo_cluster, "generated_copy")
    found = Database(url)
    found.give_nothing_new_to_the_api()
    found.run(OLD)
    yield found
    cluster.drop(demo_cluster, "generated_copy")


def test_it_is_proven_on_the_copy_and_pinned_before_anything_is_approved(
    database: Database, copy: Database, tmp_path: Path
) -> None:
    """Else an approval would be given for a text that nobody has seen run."""
    sql = (
        "alter table public.old add column age integer default 3; create view public.young as select * from public.old;"
    )
    write_migration(tmp_path / "m", STEM, sql)
    before = database.facts
    with working_on(database.url, tmp_path / "m") as work:
        (migration,) = work.migrations
        (found,) = rehearse(work.job, Stage(Target("copy", copy.url), "another database"), work.migrations)

        pinned = pins.pinned_version(work.job.ledger, work.job.deployment_id, VERSION)
        assert pinned is not None
        assert (pinned.rollback_source, pinned.rollback_proven) == ("generated", True)
        assert pinned.rollback == found.generated
        assert "drop view public.young;" in (pinned.rollback or "")
        assert found.lost == ["column public.old.age: 1 values"]
        assert (
            pinned.bundle_hash == migration.with_generated(pinned.rollback or "").bundle_hash != migration.bundle_hash
        )
        pins.refuse_other_content(pinned, migration)
        write_migration(tmp_path / "m", STEM, sql, rollback="drop view public.young;")
        assert pins.as_pinned(pinned, migration).unprotected == ("no check of its own: only the built-in checks run",)

        work.apply(migration)
        verify(work.job, migration)
        roll_back(work.job, VERSION)
    assert database.facts == before
    assert "the generated rollback" not in work.text
    assert copy.has("public.young")


@pytest.mark.parametrize(
    ("sql", "manifest", "said"),
    [
        ("update public.old set email = 'b'", "risk: low\n", "rows of public.old: line 1 changed them"),
        (
            "do $$ begin update public.old set email = 'b'; commit; end $$",
            "risk: low\n",
            "column email of public.old: 1 value would be others",
        ),
        (
            "select setval('public.numbers', 3)",
            "risk: low\n",
            "sequence public.numbers: it would stand at 3, and stood at 500",
        ),
        (
            "create table public.new (id integer)",
            "risk: low\nrollback: none\nrollback_reason: it is for ever\n",
            "it is for ever",
        ),
    ],
)
def test_what_cannot_be_undone_is_said_and_not_pinned(
    database: Database, copy: Database, tmp_path: Path, sql: str, manifest: str, said: str
) -> None:
    """Else a person approves in the belief that there is a way back."""
    write_migration(tmp_path / "m", STEM, sql, manifest=manifest)
    with working_on(database.url, tmp_path / "m") as work:
        (found,) = rehearse(work.job, Stage(Target("copy", copy.url), "another database"), work.migrations)
        pinned = pins.pinned_version(work.job.ledger, work.job.deployment_id, VERSION)

    assert found.outcome == "passed"
    assert said in (found.cannot_be_undone or "")
    assert pinned is not None
    assert (pinned.rollback, pinned.rollback_source) == (None, "none")


def test_what_a_do_block_made_is_undone_too(database: Database, copy: Database, tmp_path: Path) -> None:
    """Else only what the text names comes back, and the rest stays."""
    for each in (database, copy):
        each.run(
            "create function public.stubborn() returns trigger language plpgsql set search_path = '' as $$ begin return new; end $$;"
            "create view public.emails as select email from public.old"
        )
    sql = "do $$ begin execute 'create type public.t as enum (''a'')'; execute 'create domain public.d as public.t'; end $$"
    write_migration(tmp_path / "m", STEM, sql)
    with working_on(database.url, tmp_path / "m") as work:
        (found,) = rehearse(work.job, Stage(Target("copy", copy.url), "another database"), work.migrations)
    assert found.outcome == "passed"
    assert found.generated == (
        "set local check_function_bodies = off;\nset local search_path = '';\n\n"
        "drop domain public.d;\ndrop type public.t;\n"
    )


def test_a_second_text_for_the_same_pin_is_refused(database: Database, tmp_path: Path) -> None:
    """An approval holds for one text."""
    write_migration(tmp_path / "m", STEM, "create table public.new (id integer)")
    with working_on(database.url, tmp_path / "m") as work:
        (migration,) = work.migrations
        for _ in range(2):
            pins.add_generated(
                work.job.ledger, migration.with_generated("drop table public.new;"), work.job.deployment_id, proven=True
            )
        with pytest.raises(PinnedContentChangedError):
            pins.add_generated(
                work.job.ledger, migration.with_generated("select 1;"), work.job.deployment_id, proven=True
            )


def test_a_written_rollback_that_commits_what_it_deletes_fails_on_the_copy(
    database: Database, copy: Database, tmp_path: Path
) -> None:
    """Else rows that it deletes after its last transaction are named nowhere, and it may run on the target."""
    rollback = "drop table public.new; do $$ begin delete from public.old; commit; end $$;"
    write_migration(tmp_path / "m", STEM, "create table public.new (id integer);", rollback=rollback)
    with (
        working_on(database.url, tmp_path / "m") as work,
        pytest.raises(RehearsalFailedError, match=r"rows of public\.old .* committed that by itself"),
    ):
        rehearse(work.job, Stage(Target("copy", copy.url), "another database"), work.migrations)


@pytest.mark.parametrize(("rows", "is_refused"), [("1", False), ("2", True)])
def test_rows_that_only_the_target_s_block_met_stop_a_proven_rollback(
    database: Database, copy: Database, tmp_path: Path, rows: str, *, is_refused: bool
) -> None:
    """Else a block that met no row in the rehearsal changes rows here, and the database is called as before."""
    database.run("insert into public.old values (2, 'b')")
    block = f"do $$ begin update public.old set email = email || 'x' where id = 2 and {rows} = 2; end $$;"
    write_migration(tmp_path / "m", STEM, f"alter table public.old add column age integer; {block}")
    with working_on(database.url, tmp_path / "m") as work:
        rehearse(work.job, Stage(Target("copy", copy.url), "another database"), work.migrations)
        work.apply()
        if is_refused:
            with pytest.raises(NoRollbackError, match=r"rows of public\.old: 1 updated here and none in the rehearsal"):
                roll_back(work.job, VERSION)
        else:
            assert roll_back(work.job, VERSION).sentence == "rolled back, the database is as before"
