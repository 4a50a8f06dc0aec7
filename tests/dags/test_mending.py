"""What a rollback.sql forgot: mended at once if it decides access or runs by itself, else named with the SQL for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import write_migration
from tests.dags.conftest import Deploy, Rollback
from tests.dags.harness import run_dag
from tests.looking import Database

FIRST = "20250101000000_base"
SECOND = "20250102000000_change"
BASE = """
    create table public.notes (id integer primary key, body text);
    alter table public.notes enable row level security;
    grant insert on public.notes to anon;
    create function public.mine(id integer) returns boolean language sql stable set search_path = '' as 'select id > 0';
    create policy reads on public.notes for select to authenticated using (public.mine(id));
"""
CHANGE = "create index notes_body on public.notes (body);\n"
ROLLBACK = "drop index public.notes_body;\n"


def folder_with(tmp_path: Path, change: str, *, fails: bool) -> Path:
    """The base, and a change whose rollback.sql only knows the index."""
    folder = tmp_path / "migrations"
    write_migration(folder, FIRST, BASE, rollback="drop table public.notes; drop function public.mine(integer);")
    (folder / FIRST / "access.yaml").write_text(
        "opened: [{role: authenticated, object: public.notes, command: select, why: the policy says whose}]\n"
    )
    checks = {"it_never_holds": "select 'no' as finding"} if fails else None
    write_migration(folder, SECOND, CHANGE + change, rollback=ROLLBACK, checks=checks)
    return folder


FORGOTTEN = {
    "policy altered": (
        "alter policy reads on public.notes using (public.mine(id) and true)",
        "policy public.notes.reads",
    ),
    "policy added": ("create policy more on public.notes for all to anon using (true)", "policy public.notes.more"),
    "policy dropped": ("drop policy reads on public.notes", "policy public.notes.reads"),
    "right granted": ("grant select on public.notes to pg_monitor", "grant table public.notes to pg_monitor"),
    "right revoked": ("revoke insert on public.notes from anon", "grant table public.notes to anon"),
    "function replaced": (
        "create or replace function public.mine(id integer) returns boolean language sql stable set search_path = '' as 'select true'",
        "function public.mine(integer)",
    ),
    "function added": (
        "create function public.extra() returns integer language sql set search_path = '' as 'select 1'",
        "function public.extra()",
    ),
}


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("name", "later"), [*((name, False) for name in FORGOTTEN), ("policy altered", True), ("function added", True)]
)
def test_what_decides_access_is_mended_at_once_and_said(
    database: Database, deploy: Deploy, rollback: Rollback, tmp_path: Path, name: str, later: bool
) -> None:
    """A rollback that leaves a policy open would be worse than the migration."""
    change, what = FORGOTTEN[name]
    folder = folder_with(tmp_path, change, fails=not later)
    deploy(folder, {"migrations": [FIRST]})
    before = database.facts

    ran = deploy(folder)
    if later:
        assert ran.state == "success", ran.text
        ran = rollback({"version": SECOND})
        assert ran.state == "success", ran.text

    assert database.facts == before
    assert database.attempts[-1] == (SECOND[:14], "rolled_back")
    assert "the rollback forgot" in ran.text
    assert what in ran.text
    assert database.evidence("mended") == [(SECOND, "mended")]
    assert database.evidence("rollback proof")[-1][1] == "passed"


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "change",
    [
        "select cron.schedule('forgotten', '0 3 * * *', 'select 1')",
        "select cron.schedule('nightly', '0 4 * * *', 'select 2')",
        "select cron.unschedule('nightly')",
    ],
)
def test_a_cron_job_is_mended_at_once_and_said(demo_url: str, tmp_path: Path, change: str) -> None:
    """A job that goes on running every night on what was undone is found out last of all."""
    database = Database(demo_url)
    database.run("select cron.schedule('nightly', '0 1 * * *', 'select 1')")
    jobs = "select jobname, schedule, command, username, active from cron.job order by 1"
    before = database.rows(jobs)
    folder = folder_with(tmp_path, change, fails=True)

    ran = run_dag("deploy_migrations", database.url, folder, {"approval": "none"})

    assert ran.state == "failed"
    assert database.rows(jobs) == before
    assert database.attempts[-1] == (SECOND[:14], "rolled_back")
    assert "the rollback forgot 1 objects" in ran.text
    assert "cron job" in ran.text


@pytest.mark.acceptance
def test_anything_else_fails_and_comes_with_the_sql_that_would_mend_it(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """An engineer at night needs the statements, not a list of differences; and the access is mended nevertheless."""
    change = "alter table public.notes add column extra text; create policy more on public.notes for all to anon using (true)"
    folder = folder_with(tmp_path, change, fails=True)

    ran = deploy(folder)

    assert ran.state == "failed"
    assert database.attempts[-1] == (SECOND[:14], "rollback_failed")
    assert "alter table public.notes drop column extra;" in ran.text
    assert database.evidence("mended") == [(SECOND, "mended")]
    assert database.value("select count(*) from pg_policy where polname = 'more'") == 0


def test_a_failed_migration_without_rollback_is_undone_by_a_generated_one(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else what every table-making migration leaves behind would wait for a person."""
    folder = tmp_path / "migrations"
    write_migration(
        folder,
        FIRST,
        BASE + "grant select on public.notes to anon; comment on table public.notes is 'notes';",
        checks={"it_never_holds": "select 'no' as finding"},
    )
    before = database.facts

    ran = deploy(folder)

    assert ran.state == "failed"
    assert database.facts == before
    assert database.attempts == [(FIRST[:14], "rolled_back")]
    assert "this rollback is generated from the catalog as it is now, unproven" in ran.text


@pytest.mark.acceptance
def test_a_failed_change_of_rows_without_rollback_stays_and_says_why(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Half an undo would hide that rows are lost."""
    folder = tmp_path / "migrations"
    write_migration(folder, FIRST, BASE)
    write_migration(
        folder, SECOND, "insert into public.notes values (1, 'a')", checks={"it_never_holds": "select 'no' as finding"}
    )

    ran = deploy(folder)

    assert ran.state == "failed"
    assert database.attempts[-1] == (SECOND[:14], "rollback_failed")
    assert "brings no rollback.sql and none can be generated" in ran.text


@pytest.mark.acceptance
def test_what_somebody_changed_by_hand_since_the_last_deployment_is_shown(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """A hand-made change explains why the next migration behaves as it never did in a rehearsal."""
    folder = folder_with(tmp_path, "", fails=False)
    first = deploy(folder)
    assert "changed by hand" not in first.text
    database.run("create index by_hand on public.notes (id, body)")
    database.run("alter policy reads on public.notes to public")

    second = deploy(folder)

    assert second.state == "success"
    assert "2 objects changed by hand since deployment 1 ended at" in second.text
    assert "added index public.by_hand" in second.text
    assert "changed policy public.notes.reads: roles [authenticated] -> [public]" in second.text
    assert database.evidence("drift") == [("since deployment 1", "found")]
    assert "changed by hand" not in deploy(folder).text
