"""What a backup holds, and what must not happen if it cannot be made."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.backup import restore_beside as restores
from pg_deploy.backup.closure import find_closure
from pg_deploy.backup.errors import BackupDamagedError, BackupFailedError, NoBackupError, RestoreFailedError
from pg_deploy.backup.manifest import check_files, read_facts_file
from pg_deploy.backup.restore_beside import choose_backup, restore_beside
from pg_deploy.backup.store import LocalStore, apply_retention, backups_of_target, checked_backup, manifest_of
from pg_deploy.ledger import deployment, evidence, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.evidence import Kind
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.errors import DiskTooSmallError, ProgramMissingError, ProgramTooOldError
from pg_deploy.postgres.programs import client_programs, server_programs
from pg_deploy.preflight.claiming import never_over
from tests.core.backup.conftest import LOG, Place
from tests.installed import write_program


def test_a_backup_holds_rows_facts_globals_and_says_so_in_its_manifest(
    place: Place, four_migrations: tuple[Migration, ...]
) -> None:
    """What is not in the manifest cannot be compared later, and an unproven backup is only a hope."""
    taken = place.take(*four_migrations)

    (name,) = place.store.names()
    manifest = manifest_of(place.store, name)
    assert manifest == taken.manifest
    assert name.startswith("target_db-")
    assert (manifest.kind, manifest.server.database, manifest.server.role) == ("full", "demo", "postgres")
    assert {"public", "auth"} <= set(manifest.schemas)
    assert manifest.rows["auth.users"] == 200
    assert manifest.rows["public.chat_telemetry"] == 20000
    assert {each.name for each in manifest.extensions} >= {"pg_cron", "pgcrypto"}
    # From 16 on the kind of membership stands between the two.
    granted = [line for line in manifest.globals if line.startswith("grant service_role to postgres ")]
    assert [line.rpartition("granted by ")[2] for line in granted] == ["supabase_admin"]
    assert not any("password" in line.lower() for line in manifest.globals)
    assert manifest.pending == tuple(each.stem for each in four_migrations)
    folder = place.store.root / name
    check_files(manifest, folder)
    assert read_facts_file(manifest, folder).fingerprint == manifest.fingerprint
    assert not list(place.store.root.glob("*.partial"))


def test_the_closure_finds_what_policies_keys_views_and_functions_need(
    place: Place, four_migrations: tuple[Migration, ...]
) -> None:
    """A dump of public alone lost 3 of 4 policies; what nothing touches would only cost time and disk."""
    place.run(
        """create schema reporting; create view reporting.costs as select * from public.chat_telemetry;
        create schema named; create table named.thing (id int);
        create function public.reads_it() returns bigint language plpgsql as
            $$ begin return (select count(*) from named.thing); end $$;
        create schema moods; create type moods.mood as enum ('good'); create table public.felt (mood moods.mood);
        create schema shorts; create domain shorts.short as text; create function public.cut(shorts.short[]) returns int
            language sql as 'select 1';
        create schema sorted; create operator class sorted.ints for type int using btree as function 1 btint4cmp(int, int);
        create index on named.thing (id sorted.ints);
        create schema pairs; create type pairs.pair as (a int, b int); create function pairs.compared(pairs.pair, pairs.pair)
            returns int language sql immutable as 'select 0';
        create operator class public.pairs default for type pairs.pair using btree
            as function 1 pairs.compared(pairs.pair, pairs.pair);
        create schema apart; create table apart.thing (id int); create type apart.span as range (subtype = float8)"""
    )

    with place.target.session("tests") as connection:
        found = find_closure(connection, four_migrations)

    assert {"auth", "public", "extensions", "reporting", "named"} <= set(found.included)
    assert {"moods", "shorts", "sorted", "pairs"} <= set(found.included)
    assert found.left_out == ("apart",)


# What lives in no schema, and what each rests on, in a schema that nothing else needs.
IN_NO_SCHEMA = {
    "a cast": """create type {0}.pair as (a int, b int);
        create function {0}.added({0}.pair) returns int language sql as 'select ($1).a + ($1).b';
        create cast ({0}.pair as int) with function {0}.added({0}.pair)""",
    "a cast of no function": "create type {0}.mood as enum ('good'); create cast (text as {0}.mood) with inout",
    "a language": """create function {0}.handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
        create language "no. schema" handler {0}.handler""",
    "a transform": """create function {0}.read(internal) returns internal language internal immutable strict as 'prsd_lextype';
        create transform for int language sql (from sql with function {0}.read(internal))""",
    "an access method": """create function {0}.heap(internal) returns table_am_handler language internal as 'heap_tableam_handler';
        create access method "no. method" type table handler {0}.heap""",
    "a wrapper of foreign data": """create function {0}.valid(text[], oid) returns boolean language internal
        as 'postgresql_fdw_validator';
        create foreign data wrapper "no. wrapper" validator {0}.valid; create server "no. server" foreign data wrapper "no. wrapper";
        create user mapping for current_user server "no. server" options (user 'somebody')""",
    "a trigger on DDL": """create function {0}.watch() returns event_trigger language plpgsql as 'begin end';
        create event trigger "no. trigger" on ddl_command_end execute function {0}.watch()""",
    "a publication": """create table {0}.sent (id int primary key); create publication "no. publication" for table {0}.sent""",
    "a publication of schemas": 'create publication "no. publications" for tables in schema {0}',
}


def test_what_lives_in_no_schema_is_restored_with_what_it_rests_on(place: Place) -> None:
    """A dump holds it whatever it leaves out: the backup could not be restored (`schema "x.y" does not exist`)."""
    schemas = {f"x.y {what}": made for what, made in IN_NO_SCHEMA.items()}
    for name, made in schemas.items():
        place.run(f'create schema "{name}"; ' + made.replace("{0}", f'"{name}"'))
    place.run(
        "create schema apart; create table apart.thing (id int); create type apart.span as range (subtype = float8)"
    )
    taken = place.take()
    with place.copy_of(taken.manifest) as copy:
        assert copy.manifest.left_out == ("apart",)
        assert set(schemas) <= set(copy.manifest.schemas)


def test_the_password_is_on_no_command_line_and_in_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user of the machine can read the command lines of all processes."""
    password = str(psycopg.conninfo.conninfo_to_dict(place.target.conninfo)["password"])
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def spying(command: list[str], **how: object) -> object:
        commands.append(list(command))
        return popen(command, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", spying)
    place.take()

    assert any("pg_dump" in word for command in commands for word in command)
    assert not any(password in word for command in commands for word in command)
    for file in (place.store.root / place.store.names()[0]).rglob("*"):
        assert file.is_dir() or password.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "bytes instead of"),
        (lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]), "another sha256"),
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.with_name("foreign.dat").write_text("x"), "does not belong to it"),
    ],
    ids=["truncated", "bit flipped", "missing", "foreign"],
)
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    place: Place, damage: Callable[[Path], object], said: str
) -> None:
    """A restore that finds out half-way leaves neither the old database nor the new one."""
    place.take()
    (name,) = place.store.names()
    file = max((place.store.root / name / "dump").iterdir(), key=lambda path: path.stat().st_size)
    damage(file)

    with pytest.raises(BackupDamagedError, match=said), checked_backup(place.store, name, place.store.root):
        pytest.fail("the damaged backup was handed out")


def test_a_backup_without_its_manifest_is_none(place: Place) -> None:
    """It may be half written."""
    place.take()
    (name,) = place.store.names()
    (place.store.root / name / "manifest.json").unlink()

    assert place.store.names() == []
    with pytest.raises(BackupDamagedError, match="there is no manifest"):
        manifest_of(place.store, name)


def test_a_manifest_that_was_edited_is_refused(place: Place) -> None:
    """Facts that no longer have the manifest's fingerprint would compare the copy with something else."""
    place.take()
    (name,) = place.store.names()
    path = place.store.root / name / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "0" * 64}))

    with checked_backup(place.store, name, place.store.root) as (manifest, folder), pytest.raises(BackupDamagedError):
        read_facts_file(manifest, folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_ends_cleanly(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a backup that looks like one is worse than none."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        store = LocalStore(small / "backups")
        with pytest.raises(DiskTooSmallError, match="make room"):
            replace(place, store=store).take()
        assert not list((small / "backups").iterdir())
        monkeypatch.setattr("pg_deploy.backup.take._refuse_small_disk", lambda *_: None)
        with pytest.raises(BackupFailedError, match="No space left"):
            replace(place, store=store).take()
        assert not list((small / "backups").iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_pg_dump_older_than_the_server_is_refused_by_name(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_dump itself would say so too, after the run had begun."""
    for program in ("pg_dump", "pg_restore"):
        write_program(tmp_path / program, "echo 'pg_dump (PostgreSQL) 9.6.24'")
    monkeypatch.setenv("PG_DEPLOY_BINDIR", str(tmp_path))

    with pytest.raises(ProgramTooOldError, match="an older pg_dump cannot read"):
        place.take()
    with pytest.raises(ProgramTooOldError):
        client_programs(15)


def test_a_server_without_all_programs_of_a_copy_is_refused_by_the_name_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the rehearsal ends in a traceback, after the copy was made."""
    for program in ("postgres", "initdb", "pg_restore"):
        write_program(tmp_path / program, "echo 'postgres (PostgreSQL) 15.3'")
    monkeypatch.setenv("PG_DEPLOY_BINDIR", str(tmp_path))

    with pytest.raises(ProgramMissingError, match='"vacuumdb" of PostgreSQL 15 was not found'):
        server_programs(15)


def test_retention_keeps_the_newest_good_one_whatever_its_age(place: Place) -> None:
    """A disk that fills up stops the database; a retention that removes the only good backup is no better."""
    for _ in range(3):
        place.take()
    names = place.store.names()
    assert len(names) == 3

    kept = replace(place, settings=replace(place.settings, keep_count=2))
    kept.take()
    assert len(place.store.names()) == 2

    newest = max(place.store.names())
    (place.store.root / newest / "manifest.json").write_text("damaged")
    ((_, owner),) = backups_of_target([newest], "target_db")
    apply_retention(place.store, "target_db", owner, keep_count=1, keep_age=0.0, log=LOG)
    (left,) = place.store.names()
    assert left != newest
    assert manifest_of(place.store, left).name == left


def test_a_store_in_which_nothing_may_be_deleted_keeps_the_new_backup_all_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a locked bucket, as careful people have it, fails every deployment from the eleventh backup on."""

    def refused(*_: object) -> None:
        raise PermissionError("access denied")

    kept = replace(place, settings=replace(place.settings, keep_count=1, keep_age=0.0))
    kept.take()
    monkeypatch.setattr(LocalStore, "remove", refused)
    assert kept.take().manifest.name in place.store.names()
    assert len(place.store.names()) == 2


def test_a_restore_without_its_programs_leaves_no_database_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each try leaves an empty one that is called restored."""
    taken = place.take()
    monkeypatch.setattr(restores, "server_programs", _no_programs)
    with pytest.raises(ProgramMissingError):
        restore_beside(place.admin, place.store, taken.manifest.name, "beside", place.settings, log=LOG)
    with place.admin.session("tests") as connection:
        assert connection.execute("select from pg_database where datname = 'beside'").fetchone() is None


def _no_programs(major: int) -> None:
    raise ProgramMissingError("pg_restore", major)


def test_another_targets_backups_are_left_alone(place: Place) -> None:
    """Two targets may share a bucket, and target_db is the beginning of target_db_2."""
    replace(place, target=replace(place.target, name="target_db-2")).take()
    place.take()
    kept = replace(place, settings=replace(place.settings, keep_count=1, keep_age=0.0))
    kept.take()
    assert [name for name in place.store.names() if name.startswith("target_db-2-")]
    assert len(place.store.names()) == 2


def test_another_installations_backups_of_the_same_name_are_left_alone(place: Place) -> None:
    """Two Airflows call their target "target_db" and share a bucket: eleven of staging's removed production's (seen)."""
    production = replace(place, settings=replace(place.settings, installation="production")).take()
    for _ in range(2):
        replace(place, settings=replace(place.settings, installation="staging", keep_count=1)).take()
    assert production.manifest.name in place.store.names()
    assert len(place.store.names()) == 2


def test_the_newest_backup_of_a_connection_with_a_hyphen_is_found_by_last(place: Place) -> None:
    """Else restore_backup says, in the worst hour, that prod-eu has no backup."""
    mine = replace(place, target=replace(place.target, name="prod-eu"))
    replace(place, target=replace(place.target, name="prod")).take()
    taken = mine.take()
    assert choose_backup(place.store, mine.target, "last", place.settings) == taken.manifest.name


def test_last_is_never_another_installations_backup(place: Place) -> None:
    """Else staging's rows are restored beside production."""
    replace(place, settings=replace(place.settings, installation="staging")).take()
    with pytest.raises(NoBackupError):
        choose_backup(place.store, place.target, "last", replace(place.settings, installation="production"))


def test_a_backup_whose_manifest_is_not_the_ledgers_is_not_restored(place: Place) -> None:
    """If somebody changes a row in the dump, and size and sum in the manifest, only the ledger can tell."""
    taken = place.take()
    with place.target.session("tests") as connection:
        schema.ensure(connection)
        claim = Claim("tests", "one", "tester", {}, "", ())
        held = deployment.claim(connection, claim, good_for=600, is_over=never_over)
        evidence.record(connection, held.id, Kind.BACKUP, taken)
    path = place.store.root / taken.manifest.name / "manifest.json"
    path.write_text(path.read_text().replace('"lsn": "', '"lsn": "F'))
    with pytest.raises(BackupDamagedError, match="not the one that the ledger recorded"):
        restore_beside(place.target, place.store, taken.manifest.name, "beside", place.settings, log=LOG)


def test_a_manifest_does_not_excuse_errors_of_its_own_restore(place: Place) -> None:
    """Else whoever may write the backup decides which part of it may be missing."""
    taken = place.take()
    path = place.store.root / taken.manifest.name / "manifest.json"
    values = json.loads(path.read_bytes())
    values["expected_errors"] = [{"pattern": ".*", "why": "whatever"}]
    values["globals"] = [*values["globals"], "alter role nobody_knows superuser"]
    path.write_text(json.dumps(values))
    with (
        checked_backup(place.store, taken.manifest.name, None) as (manifest, _),
        pytest.raises(RestoreFailedError, match="nobody_knows"),
        place.copy_of(manifest),
    ):
        pass
