"""Take a backup: one moment of the target as a dump, catalog facts and row counts. It is published only when it is complete."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from pg_deploy.backup.closure import Closure, find_closure
from pg_deploy.backup.dump import dump
from pg_deploy.backup.errors import BackupFailedError, StoreError
from pg_deploy.backup.manifest import (
    FACTS,
    MANIFEST,
    BackupManifest,
    Extension,
    Server,
    describe_files,
    write_facts,
)
from pg_deploy.backup.store import Store, apply_retention, new_backup_name, uri_of
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, Facts, read_facts_in_transaction
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.configuration.duration import format_duration
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger.kinds.backup import BackupOutcome
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.errors import DiskTooSmallError
from pg_deploy.postgres.ledger_name import ledger_schemas
from pg_deploy.postgres.programs import Programs, client_programs
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.postgres.temporary import owned_folder

# With these, the file means the same, whatever the session has set that runs it.
_BEFORE_GLOBALS = ("set client_encoding to 'UTF8'", "set standard_conforming_strings to on", "set search_path to ''")


@dataclass(frozen=True)
class Backup:
    """A backup as it was published, and the sha256 of its manifest, which the ledger keeps."""

    manifest: BackupManifest
    uri: str
    manifest_sha256: str
    seconds: float

    @property
    def name(self) -> str:
        """Where it is."""
        return self.uri

    @property
    def outcome(self) -> BackupOutcome:
        """That this run took it."""
        return BackupOutcome.TAKEN

    def to_detail(self) -> dict[str, object]:
        """For the ledger: enough to find, recognise and restore the backup."""
        manifest = self.manifest
        return {
            "uri": self.uri,
            "name": manifest.name,
            "kind": manifest.kind,
            "manifest_sha256": self.manifest_sha256,
            "taken_at": manifest.taken_at.isoformat(),
            "lsn": manifest.lsn,
            "size": manifest.size,
            "tables": len(manifest.rows),
            "rows": sum(manifest.rows.values()),
            "facts": manifest.fact_count,
            **({"doubt": manifest.doubt} if manifest.doubt else {}),
            "fingerprint": manifest.fingerprint,
            "schemas": list(manifest.schemas),
            "left_out": list(manifest.left_out),
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class _Moment:
    """What one snapshot of the target shows."""

    snapshot: str
    server: Server
    lsn: str
    taken_at: datetime
    facts: Facts
    extensions: tuple[Extension, ...]
    globals: tuple[str, ...]
    tables: tuple[tuple[str, str], ...]


def take_backup(
    target: Target,
    migrations: Sequence[Migration],
    store: Store,
    settings: BackupSettings,
    *,
    schema_only: bool = False,
    log: logging.Logger,
) -> Backup:
    """Dump the schemas that `migrations` need, all as of one moment, and publish the backup. Only reads from the target.

    Raises ProgramMissingError, ProgramTooOldError, DiskTooSmallError, StoreError or BackupFailedError. Nothing incomplete stays
    behind, unless the error says so.
    """
    started = time.monotonic()
    with target.session("backup") as connection:
        programs = client_programs(connection.info.server_version // 10000)
        closure = find_closure(connection, migrations)
        connection.execute("begin transaction isolation level repeatable read, read only")
        moment = _read_moment(connection, closure)
        owner = backup_owner(connection, settings.installation)
        name = new_backup_name(target.name, owner, moment.taken_at, store.names())
        log.info("backup %s of schemas %s", name, ", ".join(closure.included))
        if closure.left_out:
            log.info("  left out, as nothing here depends on them: %s", ", ".join(closure.left_out))
        try:
            with _staged(store, name, settings.workdir) as folder:
                _refuse_small_disk(folder, 0 if schema_only else moment.server.data_bytes, log)
                rows = _dump_and_count(programs, target, closure, moment, folder, settings.jobs, schema_only, log)
                manifest = _write(folder, name, target, programs, closure, moment, rows, migrations, schema_only)
                store.publish(folder, name)
        except DiskTooSmallError:
            raise
        except (PgDeployError, psycopg.Error, OSError) as error:
            left_behind = error.left_behind if isinstance(error, StoreError) else None
            raise BackupFailedError(name, one_line(str(error)), left_behind=left_behind) from error
    uri = uri_of(store, name)
    took = time.monotonic() - started
    log.info(
        "  published %s: %.1f MB, %d tables, %s rows, %d catalog facts, %s", uri, manifest.size / 2**20, len(rows),
        f"{sum(rows.values()):,}", manifest.fact_count, format_duration(took),
    )  # fmt: skip
    try:
        apply_retention(store, target.name, owner, keep_count=settings.keep_count, keep_age=settings.keep_age, log=log)
    except Exception as error:
        # Whatever a store refuses here, the backup is there: one too many is no reason to deploy nothing.
        log.warning("old backups were not removed: %s", one_line(str(error)))
    return Backup(manifest, uri, hashlib.sha256(manifest.as_bytes()).hexdigest(), took)


def backup_owner(connection: Connection, installation: str) -> str:
    """Ten hexadecimal digits that mark this installation's backups of this database of this server. Reads only."""
    try:
        row = connection.execute("select system_identifier::text from pg_catalog.pg_control_system()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    return hashlib.sha256(f"{installation}\0{row[0] if row else ''}\0{connection.info.dbname}".encode()).hexdigest()[
        :10
    ]


def _read_moment(connection: Connection, closure: Closure) -> _Moment:
    exported = connection.execute("select pg_catalog.pg_export_snapshot()").fetchone()
    schemas = {"schemas": list(closure.included)}
    with connection.cursor(row_factory=dict_row) as cursor:
        server = cursor.execute(engine_sql("backup/server"), schemas).fetchone() or {}
    settings = {row[0]: row[1] for row in connection.execute(engine_sql("backup/settings"))}
    with connection.cursor(row_factory=class_row(Extension)) as extensions:
        present = tuple(
            Extension(each.name, each.version, each.schema, each.makes_schema, each.owner, tuple(each.schemas))
            for each in extensions.execute(engine_sql("backup/extensions"))
        )
    preload = tuple(library.strip() for library in server.pop("preload").split(",") if library.strip())
    lsn, now = server.pop("lsn"), server.pop("now")
    return _Moment(
        str(exported[0]) if exported else "",
        Server(**server, preload=preload, settings=settings),
        lsn,
        now.astimezone(timezone.utc),
        read_facts_in_transaction(connection, ignored_schemas=(*IGNORED_SCHEMAS, *closure.left_out)),
        present,
        tuple(_globals(connection)),
        tables_of(connection, closure.included),
    )


def _globals(connection: Connection) -> list[str]:
    files = ["globals"]
    if connection.info.server_version >= 150000:
        files.append("parameter_grants")
    return [row[0] for file in files for row in connection.execute(engine_sql(f"backup/{file}"))]


@contextmanager
def _staged(store: Store, name: str, workdir: Path | None) -> Iterator[Path]:
    """A folder to write into; it is removed afterwards, unless it was published."""
    own = store.staging(name)
    if own is None:
        with owned_folder(workdir) as folder:
            yield folder
        return
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _refuse_small_disk(folder: Path, data_bytes: int, log: logging.Logger) -> None:
    # A dump is smaller because it is compressed, and larger because numbers become text: the rows' size on disk is a fair guess.
    free = shutil.disk_usage(folder).free
    needed = data_bytes + 16 * 2**20
    log.info("  needs at most about %.0f MB, %.0f MB are free in %s", needed / 2**20, free / 2**20, folder.parent)
    if free < needed:
        raise DiskTooSmallError(str(folder.parent), needed, free, "backup")


def _dump_and_count(
    programs: Programs,
    target: Target,
    closure: Closure,
    moment: _Moment,
    folder: Path,
    jobs: int,
    schema_only: bool,
    log: logging.Logger,
) -> dict[str, int]:
    """Dump and count at the same time, both with the exported snapshot."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pg_deploy count") as pool:
        counting = None if schema_only else pool.submit(_count, target, moment)
        dump(
            programs,
            target.conninfo,
            folder,
            snapshot=moment.snapshot,
            left_out=closure.left_out,
            schema_only=schema_only,
            jobs=jobs,
            tables=len(moment.tables),
            log=log,
        )
        return counting.result() if counting else {}


def _count(target: Target, moment: _Moment) -> dict[str, int]:
    with target.session("backup count") as connection:
        connection.execute("begin transaction isolation level repeatable read, read only")
        connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(moment.snapshot)))
        connection.execute("set local row_security = off")
        ledgers = ledger_schemas(connection)
        return count_rows(connection, [table for table in moment.tables if table[0] not in ledgers])


def tables_of(connection: Connection, schemas: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Schema and name of each table whose rows a dump of these schemas holds, the largest first. Reads only."""
    rows = connection.execute(engine_sql("backup/tables"), {"schemas": list(schemas)})
    return tuple((row[0], row[1]) for row in rows)


def count_rows(connection: Connection, tables: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The exact number of rows of each table, by `schema.name`. Reads only."""
    counted = {}
    for schema, name in tables:
        row = connection.execute(
            sql.SQL("select count(*) from only {}").format(sql.Identifier(schema, name))
        ).fetchone()
        counted[f"{schema}.{name}"] = int(row[0]) if row else 0
    return counted


def _write(
    folder: Path,
    name: str,
    target: Target,
    programs: Programs,
    closure: Closure,
    moment: _Moment,
    rows: Mapping[str, int],
    migrations: Sequence[Migration],
    schema_only: bool,
) -> BackupManifest:
    write_facts(moment.facts, folder / FACTS)
    text = "".join(f"{line};\n" for line in (*_BEFORE_GLOBALS, *moment.globals))
    (folder / "globals.sql").write_text(text, encoding="utf-8")
    server_version = moment.facts.server_version
    manifest = BackupManifest(
        name=name,
        target=target.name,
        kind="schema" if schema_only else "full",
        taken_at=moment.taken_at,
        lsn=moment.lsn,
        server_version=server_version,
        dumped_by=programs.major,
        doubt=programs.why_too_old(server_version),
        server=moment.server,
        schemas=closure.included,
        left_out=closure.left_out,
        extensions=moment.extensions,
        globals=moment.globals,
        rows=rows,
        fingerprint=moment.facts.fingerprint,
        database_fingerprint=moment.facts.database_fingerprint,
        cluster_fingerprint=moment.facts.cluster_fingerprint,
        fact_count=len(moment.facts.facts),
        pending=tuple(migration.stem for migration in migrations),
        files=describe_files(folder),
    )
    (folder / MANIFEST).write_bytes(manifest.as_bytes())
    return manifest
