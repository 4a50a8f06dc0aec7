"""A rollback takes back what the attempt did, and nothing that others did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.verify import verify
from pg_deploy.errors import PgDeployError
from pg_deploy.rollback.errors import RollbackNotProvenError
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

STEM, VERSION = "20250101000000_change", "20250101000000"
Fail = Callable[..., str]

# What a security fix, a partition manager and a colleague do while a migration runs.
MEANWHILE = """
    revoke select on public.secret from anon;
    alter policy reads on public.secret using (owner = current_user);
    create or replace function public.who() returns text language sql security definer set search_path = ''
        as $$ select 'mended'::text $$;
    create table public.orders_2026_12 (id int);
    insert into public.orders_2026_12 values (1);
    drop view public.old_view;
    comment on table public.secret is 'looked at';
"""


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with a leak that somebody is about to close."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run("""
        create table public.secret (id int primary key, owner text);
        alter table public.secret enable row level security;
        create policy reads on public.secret for select using (true);
        grant select on public.secret to anon;
        create function public.who() returns text language sql security definer as $$ select 'leaky'::text $$;
        create view public.old_view as select 1 as one;
        create table public.mine (id int);
        insert into public.mine values (1), (1);
        create function public.make_more() returns void language plpgsql as
            $$ begin execute 'create table public.' || 'made' || '_more (id int)'; end $$;
    """)
    return found


@pytest.fixture
def fail(database: Database, tmp_path: Path) -> Fail:
    """Apply a migration while others work, and roll it back; returns the log."""

    def run(sql: str, rollback: str | None, *, meanwhile: str = MEANWHILE, verified: bool = False) -> str:
        write_migration(tmp_path / "m", STEM, sql, rollback=rollback)
        with working_on(database.url, tmp_path / "m") as work:
            resume(work.job, work.migrations[0])
            database.run(meanwhile)
            try:
                apply(work.job, work.migrations[0])
                if verified:
                    verify(work.job, work.migrations[0])
            except PgDeployError as error:
                work.lines.append(str(error))
            roll_back(work.job, VERSION)
            return work.text

    return run


def _is_as_others_left_it(database: Database) -> None:
    assert not database.value("select has_table_privilege('anon', 'public.secret', 'select')")
    assert "CURRENT_USER" in database.value(
        "select pg_get_expr(polqual, polrelid) from pg_policy where polname = 'reads'"
    )
    assert database.value("select public.who()") == "mended"
    assert database.value("select count(*) from public.orders_2026_12") == 1
    assert not database.has("public.old_view")
    assert database.attempts == [(VERSION, "rolled_back")]


def test_if_nothing_took_effect_nothing_is_mended(database: Database, fail: Fail) -> None:
    """Else a migration that failed would open again what a security fix had closed meanwhile."""
    said = fail(
        "alter table public.mine add column more int;\nselect 1 / 0;", "alter table public.mine drop column more;"
    )

    _is_as_others_left_it(database)
    assert "mending" not in said
    assert "changed by others meanwhile, left as it is: changed policy public.secret.reads" in said
    assert "nothing had taken effect, nothing was run" in said
    assert database.statements(VERSION, "rollback") == database.statements(VERSION, "mend") == []


@pytest.mark.parametrize("rollback", ["alter table public.mine drop column more;", None])
def test_of_a_part_that_took_effect_only_that_part_is_undone(
    database: Database, fail: Fail, rollback: str | None
) -> None:
    """Else a half of a migration would cost the other team its table, or the rollback would be red for it."""
    said = fail(
        "alter table public.mine add column more int;\ncreate unique index concurrently mine_id on public.mine (id);\n",
        rollback,
    )

    _is_as_others_left_it(database)
    assert database.value("select count(*) from pg_attribute where attname = 'more' and not attisdropped") == 0
    assert "orders_2026_12" in said
    assert database.evidence("rollback proof") == [("its own changes are gone, and no others", "passed")]


def test_what_its_own_rollback_forgot_is_mended_all_the_same(database: Database, fail: Fail) -> None:
    """Else telling own from foreign would be an excuse for a rollback that leaves a door open."""
    fail(
        "grant select on public.mine to anon;\ncreate unique index concurrently mine_id on public.mine (id);\n",
        "select 1;",
    )

    _is_as_others_left_it(database)
    assert not database.value("select has_table_privilege('anon', 'public.mine', 'select')")


def test_a_table_that_it_made_and_its_rollback_forgot_is_still_red(database: Database, fail: Fail) -> None:
    """Else everything that nobody named would pass for the work of others: here a function makes the table."""
    with pytest.raises(RollbackNotProvenError, match=r"public\.made_more"):
        fail("select public.make_more();\ncreate unique index concurrently mine_id on public.mine (id);\n", "select 1;")

    assert database.attempts == [(VERSION, "rollback_failed")]
    assert database.has("public.orders_2026_12")


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        (
            "alter table public.keyed add constraint keyed_pkey primary key using index keyed_id;",
            "column public.keyed.id",
        ),
        ("alter table public.parent alter column id set not null;", "column public.child.id"),
        ("create index on public.parent (id);", "index public.child_id_idx"),
        ("do $$ begin execute 'drop view public.old' || '_view'; end $$;", "removed view public.old_view"),
        (
            "do $$ begin execute 'create table public.' || 'hidden (id int)'; exception when others then null; end $$;",
            "added table public.hidden",
        ),
    ],
)
def test_what_its_statements_changed_without_a_name_is_not_the_work_of_others(
    database: Database, fail: Fail, sql: str, left: str
) -> None:
    """Else "rolled back" would stand beside a change of its own that no text names, and nobody would look for it."""
    database.run("""
        create table public.keyed (id int);
        create unique index keyed_id on public.keyed (id);
        create table public.parent (id int) partition by range (id);
        create table public.child partition of public.parent for values from (0) to (9);
    """)

    with pytest.raises(RollbackNotProvenError, match=re.escape(left)):
        fail(sql, "select 1;", meanwhile="comment on table public.secret is 'looked at'", verified=True)

    assert database.attempts == [(VERSION, "rollback_failed")]


def test_what_may_be_others_work_is_never_taken_back(database: Database, fail: Fail) -> None:
    """Else doubt would give back the grant that a security fix had revoked: it is named, and left."""
    with pytest.raises(
        RollbackNotProvenError, match=r"removed grant table public\.secret to anon.*nothing tells which"
    ) as said:
        fail("do $$ begin perform 1; end $$;", None, verified=True)

    assert not database.value("select has_table_privilege('anon', 'public.secret', 'select')")
    assert database.has("public.orders_2026_12")
    assert database.value("select public.who()") == "mended"
    assert "orders_2026_12" not in str(said.value), "its row was written by somebody older"


def test_a_verified_attempt_is_measured_alike(database: Database, fail: Fail) -> None:
    """Else an undo days later would take back the fix that somebody made while the migration was deployed."""
    said = fail(
        "alter table public.mine add column more int;", "alter table public.mine drop column more;", verified=True
    )

    _is_as_others_left_it(database)
    assert database.value("select count(*) from pg_attribute where attname = 'more' and not attisdropped") == 0
    assert "changed by others meanwhile, left as it is" in said


def test_what_others_change_while_the_rollback_runs_is_no_reason_for_red(database: Database, tmp_path: Path) -> None:
    """Else a grant that is revoked in the same second would be given back by the mending."""
    write_migration(tmp_path / "m", STEM, "create table public.new (id int);", rollback="drop table public.new;")
    with working_on(database.url, tmp_path / "m") as work:
        work.apply()
        with psycopg.connect(database.url, autocommit=True) as other:
            other.execute(
                "begin; revoke select on public.secret from anon; create table public.orders_2026_12 (id int)"
            )
            # Committed once the rollback has begun: its state at the start is in the ledger by then.

            class Committing(type(work.job.observer)):  # type: ignore[misc]
                def before_commit(self, connection: object, segment: object) -> None:
                    other.execute("commit")

            roll_back(replace(work.job, observer=Committing()), VERSION)

    assert not database.value("select has_table_privilege('anon', 'public.secret', 'select')")
    assert database.has("public.orders_2026_12")
    assert database.attempts == [(VERSION, "rolled_back")]
