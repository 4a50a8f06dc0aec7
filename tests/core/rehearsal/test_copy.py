"""The copy: that it is the target, that it keeps no secret, reaches nobody, runs no job, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.backup.errors import RestoreFailedError
from pg_deploy.backup.manifest import Extension
from pg_deploy.backup.store import checked_backup
from pg_deploy.catalog.reader import read_facts
from pg_deploy.postgres.errors import DiskTooSmallError
from pg_deploy.postgres.private_cluster import remove_abandoned
from pg_deploy.postgres.temporary import PREFIX, owner_of, process_start
from pg_deploy.rehearsal import copy as copies
from pg_deploy.rehearsal.errors import CopyDiffersError
from pg_deploy.rehearsal.outgoing_calls import make_extension
from tests.core.backup.conftest import LOG, Place, server_of
from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[3]


def test_the_copy_is_the_target_with_its_policies_roles_and_rows(place: Place) -> None:
    """A rehearsal on something else proves nothing; a dump of public alone had lost policies."""
    question = (
        "select schemaname, tablename, policyname, qual from pg_policies where schemaname = 'public' order by 1, 2, 3"
    )
    with place.copied() as copy, copy.target.session("tests") as there, place.target.session("tests") as here:
        assert there.execute(question).fetchall() == here.execute(question).fetchall() != []
        assert read_facts(there).fingerprint == read_facts(here).fingerprint
        me = "select current_user::text, rolsuper from pg_roles where rolname = current_user"
        assert there.execute(me).fetchone() == ("postgres", False)
        count = "select count(*) from public.messages"
        assert there.execute(count).fetchone() == here.execute(count).fetchone()


@pytest.mark.acceptance
def test_an_invalid_index_is_in_the_copy_too(place: Place) -> None:
    """pg_dump leaves it out, and a migration that meets it must meet it in the rehearsal first."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        place.run("create unique index concurrently only_one_role on public.messages (role)")

    with place.copied() as copy, copy.admin.session("tests") as there:
        assert there.execute(
            "select indisvalid from pg_index where indexrelid = 'public.only_one_role'::regclass"
        ).fetchone() == (False,)


@pytest.mark.acceptance
def test_what_the_whole_server_shares_comes_along(place: Place) -> None:
    """Roles with options, memberships, settings and rights of every level decide what a migration may do."""
    place.run(
        """create role "odd Role" login nosuperuser inherit connection limit 7 valid until '2030-01-01' password 'secret';
        create role "group" nologin; grant "group" to "odd Role" with admin option;
        comment on role "odd Role" is 'it''s odd';
        alter role "odd Role" set search_path = "$user", "odd, schema", '';
        alter role "odd Role" in database demo set "app.settings.jwt_secret" = 'do not tell';
        alter role all set deadlock_timeout = '2s'; alter database demo set "app.name" = 'a ''quoted'' one';
        grant create on database demo to "odd Role" with grant option; revoke temporary on database demo from public;
        grant set on parameter log_min_duration_statement to "odd Role";
        comment on database demo is 'the demo'; alter database demo connection limit 90"""
    )
    with psycopg.connect(place.admin.conninfo, autocommit=True) as connection:
        connection.execute('set role "odd Role"')
        connection.execute("grant create on database demo to anon")
    taken = place.take()
    assert "do not tell" not in taken.manifest.as_bytes().decode()
    with place.copy_of(taken.manifest) as copy, copy.target.session("tests") as there:
        assert read_facts(there).cluster_fingerprint == taken.manifest.cluster_fingerprint
        with copy.admin.session("tests") as admin:
            assert admin.execute("select rolpassword from pg_authid where rolname = 'odd Role'").fetchone() == (None,)


@pytest.mark.acceptance
def test_a_stale_materialized_view_is_no_difference(place: Place) -> None:
    """It is filled anew by the restore: between two refreshes it never equals the target's."""
    place.run(
        """create materialized view public.totals as
                select domain_id, count(*) from public.conversations where domain_id is not null group by 1;
        grant select on public.totals to postgres; delete from public.domains"""
    )
    with place.copied() as copy, copy.admin.session("tests") as there:
        assert there.execute("select count(*) from public.totals").fetchone() == (0,)


def test_a_disk_too_small_for_the_copy_is_refused_first(place: Place) -> None:
    """A full disk stops whatever else writes there."""
    taken = place.take()
    huge = replace(taken.manifest, server=replace(taken.manifest.server, total_bytes=2**60))
    with (
        pytest.raises(DiskTooSmallError, match="the copy needs"),
        place.copy_of(huge),
    ):
        pytest.fail("the copy was handed out")


def test_credentials_are_masked_in_the_copy_and_nowhere_else(place: Place) -> None:
    """A copy is looked at by more people than production; a backup that is masked cannot be restored."""
    place.run(
        """create table public.integrations (
            id int primary key, api_token text unique, client_secret varchar(8), hook_token uuid, settings_secret jsonb,
            prompt_tokens int, note text);
        insert into public.integrations values
            (1, 'a', 'x', gen_random_uuid(), '{"k": 1}', 10, 'keep'), (2, 'b', '', null, null, 20, 'keep')"""
    )
    question = "select api_token, client_secret, hook_token, settings_secret, prompt_tokens, note from public.integrations order by id"
    with place.target.session("tests") as here:
        before = here.execute(question).fetchall()
        hashes = {row[0] for row in here.execute("select encrypted_password from auth.users")}
    with place.copied() as copy, copy.admin.session("tests") as there:
        first, second = there.execute(question).fetchall()
        assert {row[0] for row in there.execute("select encrypted_password from auth.users")}.isdisjoint(hashes)
        masked = {each.column for each in copy.masked}
    assert first[0] != "a"
    assert first[0] != second[0] != "b"
    assert first[1] != "x"
    assert second[1:4] == ("", None, None)
    assert first[3] == {}
    assert (first[4:], second[4:]) == ((10, "keep"), (20, "keep"))
    assert masked >= {"public.integrations.api_token", "auth.users.encrypted_password"}
    with place.target.session("tests") as here:
        assert here.execute(question).fetchall() == before


def test_nothing_in_the_copy_reaches_out(place: Place) -> None:
    """A rehearsed migration that calls a web hook or writes through a foreign table would change the world."""
    port = psycopg.conninfo.conninfo_to_dict(place.target.conninfo)["port"]
    place.run(
        f"""create extension dblink with schema extensions; create extension postgres_fdw with schema extensions;
        create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{port}', dbname 'demo');
        create user mapping for postgres server elsewhere options (user 'postgres', password 'known to the other server');
        grant usage on foreign server elsewhere to postgres;
        create foreign table public.there (id uuid) server elsewhere options (schema_name 'public', table_name 'domains');
        alter foreign table public.there owner to postgres"""
    )
    with place.copied() as copy, copy.target.session("tests") as there:
        with pytest.raises(psycopg.errors.RaiseException, match="no outgoing call is made in a rehearsal"):
            there.execute("select extensions.dblink_connect('host=127.0.0.1')")
        with pytest.raises(psycopg.Error, match="no handler"):
            there.execute("select * from public.there")
        with copy.admin.session("tests") as admin:
            assert admin.execute("select count(*) from pg_user_mapping where umoptions is not null").fetchone() == (0,)
            make_extension(
                admin, Extension("pg_net", "0.7", "extensions", False, "supabase_admin", ("net",)), cron_is_ours=True
            )
            assert admin.execute("select net.http_post('http://127.0.0.1/')").fetchone() == (1,)


@pytest.mark.acceptance
def test_jobs_are_in_the_copy_and_none_runs(place: Place) -> None:
    """A job of production that runs in a copy may write to the world, and one of a migration must not begin before it is deployed."""
    place.run("create table public.ran (at timestamptz); grant all on public.ran to postgres")
    with place.target.session("tests") as here:
        here.execute("select cron.schedule('every minute', '* * * * *', 'insert into public.ran values (now())')")
    with place.copied() as copy, copy.target.session("tests") as there:
        assert there.execute("select jobname, database, active from cron.job").fetchall() == [
            ("every minute", "demo", True)
        ]
        there.execute("select cron.schedule('a new one', '* * * * *', 'insert into public.ran values (now())')")
        before = there.execute("select count(*) from public.ran").fetchone()
        _past_the_next_minute()
        assert there.execute("select count(*) from public.ran").fetchone() == before
        # Versions of pg_cron that have no switch for it try, and find no server: their jobs never got a session.
        assert set(there.execute("select status, job_pid from cron.job_run_details").fetchall()) <= {("failed", None)}


def _past_the_next_minute() -> None:
    time.sleep(60 - time.time() % 60 + 3)


def test_a_stand_in_for_pg_cron_takes_the_same_calls(place: Place) -> None:
    """If pg_cron cannot be loaded, migration 4 must be rehearsed all the same."""
    taken = place.take()
    without = replace(taken.manifest, server=replace(taken.manifest.server, preload=("pg_stat_statements",)))
    with place.copy_of(without) as copy, copy.target.session("tests") as there:
        assert any("stand-in records jobs" in note for note in copy.notes)
        assert there.execute("select cron.schedule('one', '0 * * * *', 'select 1')").fetchone() == (1,)
        assert there.execute("select cron.schedule('one', '5 * * * *', 'select 2')").fetchone() == (1,)
        assert there.execute("select schedule, command, active from cron.job").fetchall() == [
            ("5 * * * *", "select 2", True)
        ]
        assert there.execute("select cron.unschedule('one')").fetchone() == (True,)
        with pytest.raises(psycopg.Error, match="could not find valid entry"):
            there.execute("select cron.unschedule('one')")


def test_a_twin_is_made_from_the_copy_as_it_is(place: Place) -> None:
    """The access proof evaluates each side in a database of its own."""
    with place.copied() as copy:
        target, admin = copy.twin("before")
        with copy.target.session("tests") as there:
            there.execute("drop table public.scrape_jobs cascade")
        with target.session("tests") as untouched, admin.session("tests") as superuser:
            assert untouched.execute("select count(*) from public.scrape_jobs").fetchone() == (400,)
            assert superuser.execute("select usesuper from pg_user where usename = current_user").fetchone() == (True,)


def test_a_copy_that_is_not_the_target_is_refused(place: Place) -> None:
    """Fewer rows, or a role more, and the rehearsal would be of another database."""
    taken = place.take()
    fewer = replace(taken.manifest, rows={**taken.manifest.rows, "public.messages": 10001, "public.gone": 1})
    with (
        pytest.raises(CopyDiffersError, match=r"public\.messages has 10,000 rows instead of 10,001") as error,
        place.copy_of(fewer),
    ):
        pytest.fail("the copy was handed out")
    assert "public.gone is missing, it had 1 rows" in error.value.differences
    more = replace(taken.manifest, globals=(*taken.manifest.globals, "create role somebody_else"))
    with (
        pytest.raises(CopyDiffersError, match="added role somebody_else"),
        place.copy_of(more),
    ):
        pytest.fail("the copy was handed out")


def test_an_error_that_the_manifest_does_not_expect_fails_the_restore(place: Place) -> None:
    """Ignored errors are how policies got lost."""
    taken = place.take()
    broken = replace(taken.manifest, globals=("create role anon", *taken.manifest.globals))
    with (
        pytest.raises(RestoreFailedError, match='role "anon" already exists'),
        place.copy_of(broken),
    ):
        pytest.fail("the copy was handed out")


@pytest.mark.parametrize(
    "moment",
    [
        "create_database",
        "restore",
        pytest.param("restore_invalid_indexes", marks=pytest.mark.acceptance),
        pytest.param("analyze", marks=pytest.mark.acceptance),
    ],
)
def test_a_server_that_ends_while_the_copy_is_made_is_at_fault(
    place: Place, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It sent people to the Airflow connection of the target, and restored five more copies, which ended in the same way."""
    then = getattr(copies, moment)

    def ending(*args: object, **named: object) -> object:
        ours = (os.getpid(), process_start(os.getpid()))
        copies_here = Path(tempfile.gettempdir()).glob(f"{PREFIX}*/data")
        (directory,) = (each for each in copies_here if owner_of(each.parent) == ours)
        os.kill(server_of(directory), signal.SIGKILL)
        return then(*args, **named)

    monkeypatch.setattr(copies, moment, ending)
    name = place.take().manifest.name
    with (
        checked_backup(place.store, name, place.store.root) as (manifest, _),
        pytest.raises(RestoreFailedError, match="the copy's server has ended") as raised,
        place.copy_of(manifest),
    ):
        pytest.fail("the copy was handed out")
    assert "Airflow" not in str(raised.value)


def test_the_cluster_is_gone_after_success_and_after_failure(place: Place) -> None:
    """Copies of production must not pile up on a worker's disk."""
    with place.copied() as copy:
        assert copy.cluster is not None
        directory, pid = copy.cluster.directory, server_of(copy.cluster.directory)
        assert directory.exists()
    assert not directory.exists()
    assert not process_start(pid)
    stopped: list[tuple[Path, int]] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(place, stopped)
    ((directory, pid),) = stopped
    assert not directory.exists()
    assert not process_start(pid)


def _interrupted(place: Place, stopped: list[tuple[Path, int]]) -> None:
    with place.copied() as copy:
        assert copy.cluster is not None
        stopped.append((copy.cluster.directory, server_of(copy.cluster.directory)))
        raise KeyboardInterrupt


@pytest.mark.acceptance
def test_the_cluster_of_a_killed_process_is_removed_by_the_next(place: Place) -> None:
    """kill -9 runs no clean-up: a copy of production would serve on for ever."""
    name = place.take().manifest.name
    program = f"""
import logging, sys, time
sys.path[:0] = {[str(PROJECT), str(PROJECT / "plugins")]!r}
from pathlib import Path
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.rehearsal.copy import private_copy
store = LocalStore(Path({str(place.store.root)!r}))
with checked_backup(store, {name!r}, store.root) as (manifest, folder):
    with private_copy(manifest, folder, backup_settings(), log=logging.getLogger()) as copy:
        print(copy.cluster.directory, flush=True)
        time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        directory = Path((process.stdout.readline() if process.stdout else "").strip())
        pid = server_of(directory)
        area = directory.parent
        remove_abandoned(area, LOG)
        assert directory.exists()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    remove_abandoned(area, LOG)

    assert not directory.exists()
    until(lambda: not process_start(pid), "its server has ended")


def test_folders_of_the_living_and_of_others_are_left_alone(tmp_path: Path) -> None:
    """Two deployments of two targets rehearse at once on one worker."""
    living, foreign = tmp_path / f"{PREFIX}living", tmp_path / f"{PREFIX}foreign"
    for folder in (living, foreign):
        folder.mkdir()
    boot = process_start(os.getpid()).split()[0]
    host = socket.gethostname()
    (living / "owner.json").write_text(
        json.dumps({"host": host, "pid": os.getpid(), "started": process_start(os.getpid())})
    )
    reused = tmp_path / f"{PREFIX}reused"
    reused.mkdir()
    (reused / "owner.json").write_text(json.dumps({"host": host, "pid": os.getpid(), "started": f"{boot} 1"}))
    (foreign / "owner.json").write_text(json.dumps({"host": "elsewhere", "pid": os.getpid(), "started": f"{boot} 1"}))

    assert remove_abandoned(tmp_path, LOG) == [reused]
    assert living.exists()
    assert foreign.exists()


def test_the_server_listens_on_the_loopback_interface_alone(place: Place) -> None:
    """A copy of production with its rows in clear must not be on the network."""
    with place.copied() as copy, copy.admin.session("tests") as there:
        shown = {name: there.execute(f"show {name}").fetchone() for name in ("listen_addresses", "fsync", "jit")}
        # Behind a wall it listens on a socket only.
        assert shown.pop("listen_addresses") in {("127.0.0.1",), ("",)}
        assert shown == {"fsync": ("off",), "jit": ("off",)}
        assert copy.cluster is not None
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(re.sub(r"password=\S+", "password=guessed", copy.admin.conninfo))
