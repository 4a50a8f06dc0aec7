"""What commit f1aec9f kept, read with today's code: a ledger with its snapshots, and a backup, of a 15.18 server.

The files of tests/cases/kept are never made anew. They hold tests/core/catalog/everything.sql and one deployed migration.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pg_deploy.backup.manifest import FACTS, MANIFEST, StoredFile, read_facts_file, sha256_of
from pg_deploy.backup.restore import create_database, restore
from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.backup.take import count_rows
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import snapshot
from pg_deploy.monitor.access_drift import measure_access_drift
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.postgres.private_cluster import private_cluster
from pg_deploy.postgres.programs import server_programs
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight.drift import read_drift
from pg_deploy.rehearsal.copy import fact_differences
from pg_deploy.rehearsal.outgoing_calls import make_extension

KEPT = Path(__file__).resolve().parents[1] / "cases" / "kept" / "f1aec9f"
LOG = logging.getLogger("tests")
SERVERS_OWN = "pg_attver=18270136"


@pytest.fixture(scope="module")
def restored(catalog_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The database of the kept backup, restored into a cluster of its own, with the kept ledger."""
    store = LocalStore(KEPT / "backups")
    with checked_backup(store, store.names()[0], tmp_path_factory.mktemp("work")) as (manifest, folder):
        programs = server_programs(int(catalog_binaries.parent.name))
        with private_cluster(
            programs,
            superuser=manifest.server.bootstrap_role,
            cron_database=manifest.server.database,
            preload=(),
            settings=manifest.server.settings,
            workdir=None,
            log=LOG,
        ) as cluster:
            with cluster.target("postgres").session("create") as connection:
                create_database(connection, manifest, manifest.server.database)
            target = cluster.target(manifest.server.database)
            done = restore(
                manifest,
                folder,
                target,
                programs,
                lambda connection, extension: make_extension(connection, extension, cron_is_ours=False),
                jobs=1,
                log=LOG,
                left_out=("deploy_ledger", "supabase_migrations"),
            )
            with target.session("tests") as connection:
                facts = read_facts_file(manifest, folder)
                assert fact_differences(connection, manifest, facts, done) == []
                wanted = {table: rows for table, rows in manifest.rows.items() if table.startswith("app.")}
                assert count_rows(connection, [("app", table.removeprefix("app.")) for table in wanted]) == wanted
            with target.session("tests") as connection:
                # Left out of the backup: nothing that the migration touches rests on it.
                assert manifest.left_out == ("Odd Name",)
                connection.execute("""create schema "Odd Name" create table "Odd.Table" ("Odd Column" integer)""")
            subprocess.run(
                [
                    programs.path("psql"),
                    "-qX",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-f",
                    str(KEPT / "ledger.sql"),
                    target.conninfo,
                ],
                check=True,
                capture_output=True,
            )
            yield target


@pytest.fixture
def connection(restored: Target) -> Iterator[Connection]:
    with restored.session("tests") as opened:
        yield opened


def test_a_kept_ledger_and_its_snapshots_are_read_and_are_no_drift(connection: Connection) -> None:
    """Else the first run after an upgrade would say that somebody changed everything by hand."""
    kept = snapshot.newest(connection, "deployed")
    assert kept is not None
    assert len(kept[1].facts) > 150
    attempt = attempts.latest(connection, "20250101000000")
    assert attempt is not None
    assert attempt.state == "verified"
    assert snapshot.load(connection, attempt.id, "before") is not None
    drift = read_drift(connection)
    assert drift is not None
    assert drift.lines == ()
    found = measure_access_drift(connection)
    assert (found.problem, _alerts(found)) == (None, [])


def test_what_a_newer_server_wrote_into_a_kept_snapshot_is_no_drift(connection: Connection) -> None:
    """Ledgers of servers of 2026-11-12 and later hold its random numbers: no database will ever show them again."""
    row = connection.execute(
        "select id, fact_hashes from deploy_ledger.snapshot where moment = 'deployed' order by id desc limit 1"
    ).fetchone()
    assert row is not None
    snapshot_id, hashes = row
    facts = connection.execute(
        "select kind, identity, definition, scope from deploy_ledger.catalog_fact where hash = any (%s)", [hashes]
    ).fetchall()
    written = [_as_a_newer_server_writes_it(*fact) for fact in facts]
    keys = [_key(*fact) for fact in written]
    assert len(set(keys) - set(hashes)) > 30
    for key, fact in zip(keys, written, strict=True):
        connection.execute(
            "insert into deploy_ledger.catalog_fact (hash, kind, identity, definition, scope) values (%s, %s, %s, %s, %s) "
            "on conflict do nothing",
            [key, *fact],
        )
    change = "update deploy_ledger.snapshot set fact_hashes = %s where id = %s"
    connection.execute(change, [keys, snapshot_id])
    try:
        drift = read_drift(connection)
        access = measure_access_drift(connection)
    finally:
        connection.execute(change, [hashes, snapshot_id])
    assert drift is not None
    assert drift.lines == ()
    assert _alerts(access) == []


def test_what_a_newer_server_wrote_into_a_kept_backup_is_no_fact(tmp_path: Path) -> None:
    """Else no copy restored from it would ever equal it, and the backup would be worth nothing."""
    store = LocalStore(Path(shutil.copytree(KEPT / "backups", tmp_path / "backups")))
    (name,) = store.names()
    folder = store.root / name
    with checked_backup(store, name, tmp_path) as (manifest, kept):
        as_kept = read_facts_file(manifest, kept)
    lines = [json.loads(line) for line in (folder / FACTS).read_text().splitlines()]
    written = [_as_a_newer_server_writes_it(*line) for line in lines]
    (folder / FACTS).write_text("".join(f"{json.dumps(list(fact), ensure_ascii=False)}\n" for fact in written))
    fingerprint = hashlib.sha256("\n".join(sorted(_key(*fact) for fact in written)).encode()).hexdigest()
    assert fingerprint != manifest.fingerprint
    files = {**manifest.files, FACTS: StoredFile((folder / FACTS).stat().st_size, sha256_of(folder / FACTS))}
    (folder / MANIFEST).write_bytes(replace(manifest, fingerprint=fingerprint, files=files).as_bytes())

    with checked_backup(store, name, tmp_path) as (newer, kept):
        assert read_facts_file(newer, kept).facts == as_kept.facts


def _as_a_newer_server_writes_it(kind: str, identity: str, definition: str, scope: str) -> tuple[str, str, str, str]:
    properties = json.loads(definition)
    for key in {"column": ["options"], "table": ["options", "toast options"]}.get(kind, []):
        properties[key] = sorted([*properties.get(key, []), SERVERS_OWN])
    return kind, identity, json.dumps(properties, sort_keys=True, ensure_ascii=False), scope


def _alerts(found: Measured) -> list[Row]:
    """Not the row that says that the server was upgraded, where it has another major than the one that was kept."""
    return [row for row in found.rows if row.detail.get("alert", True)]


def _key(kind: str, identity: str, definition: str, scope: str) -> str:
    return hashlib.sha256("\0".join((kind, identity, definition, scope)).encode()).hexdigest()
