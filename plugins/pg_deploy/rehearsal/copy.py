"""A copy of the target in a private cluster, restored from a backup and compared with it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pg_deploy.backup.errors import RestoreFailedError
from pg_deploy.backup.manifest import BackupManifest, read_facts_file
from pg_deploy.backup.masking import MaskedColumn, mask_columns
from pg_deploy.backup.plain_role import plain_role
from pg_deploy.backup.restore import (
    Restored,
    analyze,
    create_database,
    restore,
    restore_cron_jobs,
    restore_invalid_indexes,
)
from pg_deploy.backup.take import count_rows
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.names import Identity, parsed, unquoted
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, Fact, Facts, read_facts
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.configuration.duration import format_duration
from pg_deploy.errors import ConnectionFailedError
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER
from pg_deploy.postgres.private_cluster import PrivateCluster, private_cluster
from pg_deploy.postgres.programs import server_programs
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.wall_around_server import refuse_without_wall, strongest_wall
from pg_deploy.rehearsal.errors import CopyDiffersError
from pg_deploy.rehearsal.outgoing_calls import cut_off, make_extension

_ENDED = "the copy's server has ended: look whether this worker has the memory and the disk for it"
NO_JOB_RUNS = "cron jobs are scheduled in the copy and none is run"

_AS_THE_SOURCE = """update pg_catalog.pg_database made set datdba = source.datdba, datacl = source.datacl
from pg_catalog.pg_database source where made.datname = %s and source.datname = %s"""


@dataclass(frozen=True)
class Copy:
    """The copy: `target` connects as the deploying role, `admin` as a superuser. `notes` say what is not as on the target."""

    manifest: BackupManifest
    target: Target
    admin: Target
    notes: tuple[str, ...]
    masked: tuple[MaskedColumn, ...]
    seconds: float
    cluster: PrivateCluster | None = None

    def twin(self, suffix: str) -> tuple[Target, Target]:
        """A second database made from this one as it is now, as (deploying role's, superuser's) target.

        For proofs that need both sides at once: make it before the first migration is rehearsed. Needs a private cluster;
        ends all other connections to the copy for a moment. Goes away with the cluster.
        """
        if self.cluster is None:
            raise CopyDiffersError(self.target.name, ["a second copy can be made in a private cluster only"])
        database = self.manifest.server.database
        name = f"{database[:40]}_{suffix}"
        with self.cluster.target(_other_database(database)).session("twin") as connection:
            source = sql.Identifier(database)
            # pg_cron's launcher sits in the copy and comes back at once unless nobody may connect.
            connection.execute(sql.SQL("alter database {} allow_connections false").format(source))
            try:
                connection.execute(
                    "select pg_catalog.pg_terminate_backend(pid, 5000) from pg_catalog.pg_stat_activity where datname = %s",
                    [database],
                )
                connection.execute(
                    sql.SQL("create database {} template {}{}").format(
                        sql.Identifier(name), source, _by_files(connection)
                    )
                )
            finally:
                connection.execute(sql.SQL("alter database {} allow_connections true").format(source))
            connection.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(name)))
            # A template gives what is in it, not whose it is and who may make a schema there.
            connection.execute(_AS_THE_SOURCE, [name, database])
        return _in_database(self.target, name), _in_database(self.admin, name)


@contextmanager
def private_copy(
    manifest: BackupManifest,
    folder: Path,
    settings: BackupSettings,
    *,
    ledger: str = DEFAULT_LEDGER,
    log: logging.Logger,
) -> Iterator[Copy]:
    """Restore the checked backup into a cluster of our own, compare, mask, cut off; all gone at the end.

    It holds no ledger; the one of what is done there will be in schema `ledger`.

    Raises ProgramMissingError, RestoreFailedError, CopyDiffersError, MaskingFailedError.
    """
    started = time.monotonic()
    server = manifest.server
    programs = server_programs(manifest.server_version // 10000)
    refuse_without_wall(manifest.target, strongest_wall(programs))
    with private_cluster(
        programs,
        superuser=server.bootstrap_role,
        cron_database=server.database,
        preload=server.preload,
        settings=server.settings,
        workdir=settings.workdir,
        # The rows and their indexes, the log of writing them, and what the migrations build.
        needed_bytes=3 * server.total_bytes + 256 * 2**20,
        log=log,
    ) as made:
        cluster = replace(made, ledger=ledger)
        log.info(
            "  private cluster, ready after %s; between it and this worker: %s",
            format_duration(time.monotonic() - started),
            cluster.wall.sentence,
        )
        admin = cluster.target(server.database, name=f"rehearsal of {manifest.target}, superuser")
        cron_is_ours = "pg_cron" in cluster.preloaded
        with _at_fault(manifest, cluster):
            with cluster.target(_other_database(server.database)).session("create") as connection:
                connection.execute(
                    sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(server.database))
                )
                note = create_database(connection, manifest, server.database)
            restored = restore(
                manifest,
                folder,
                admin,
                programs,
                lambda connection, extension: make_extension(connection, extension, cron_is_ours=cron_is_ours),
                jobs=settings.jobs,
                log=log,
                left_out=tuple({DEFAULT_LEDGER, ledger}),
            )
            target = _deploying_role(cluster, manifest)
            masked = _finish(manifest, folder, admin, target, restored, settings, note, log)
            analyze(admin, programs, settings.jobs)
            with admin.session("cut off") as connection:
                cut = cut_off(connection)
        notes = (*restored.notes, *([note] if note else []), *cut, *_notes_on_jobs(manifest, cron_is_ours))
        took = time.monotonic() - started
        log.info("  the copy is ready after %s", format_duration(took))
        yield Copy(manifest, target, admin, notes, masked, took, cluster)


@contextmanager
def _at_fault(manifest: BackupManifest, cluster: PrivateCluster) -> Iterator[None]:
    """Turn what the server says while the copy is made into RestoreFailedError, which says so if it is the server that ended."""
    try:
        yield
    except (psycopg.Error, ConnectionFailedError, RestoreFailedError) as error:
        try:
            cluster.target(_other_database(manifest.server.database)).connect_plain("look").close()
        except ConnectionFailedError as gone:
            raise RestoreFailedError(manifest.name, [gone.problem], cause=_ENDED) from error
        if isinstance(error, RestoreFailedError):
            raise
        raise RestoreFailedError(manifest.name, [one_line(str(error))]) from error


def _finish(
    manifest: BackupManifest,
    folder: Path,
    admin: Target,
    target: Target,
    restored: Restored,
    settings: BackupSettings,
    note: str | None,
    log: logging.Logger,
) -> tuple[MaskedColumn, ...]:
    facts = read_facts_file(manifest, folder)
    with admin.session("restore") as connection:
        if any(fact.kind == "cron job" for fact in facts.facts):
            restore_cron_jobs(connection, facts, manifest.server.database)
        restore_invalid_indexes(connection, facts)
        differences = _row_differences(connection, manifest) if manifest.kind == "full" else []
    with target.session("compare") as connection:
        differences += fact_differences(connection, manifest, facts, restored, locale_differs=note is not None)
    if differences:
        for line in differences:
            log.error("  ✗ %s", line)
        raise CopyDiffersError(manifest.name, differences)
    log.info(
        "  ✓ the copy equals the backup: %d catalog facts, %s rows in %d tables", manifest.fact_count,
        f"{sum(manifest.rows.values()):,}", len(manifest.rows),
    )  # fmt: skip
    with admin.session("mask") as connection:
        if connection.info.server_version < 150000:
            # Nobody else may keep triggers from firing.
            return mask_columns(connection, settings.masked, log)
        with plain_role(admin) as (plain, _), plain.session("mask") as masking:
            return mask_columns(connection, settings.masked, log, by=masking)


def _deploying_role(cluster: PrivateCluster, manifest: BackupManifest) -> Target:
    """The target's deploying role in the copy, with a password of the copy's own."""
    role, database = manifest.server.role, manifest.server.database
    name = f"rehearsal of {manifest.target}"
    if role == cluster.superuser:
        return cluster.target(database, name=name)
    password = secrets.token_urlsafe(24)
    with cluster.target(database).session("restore") as connection:
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password)))
    return cluster.target(database, role=role, password=password, name=name)


def _row_differences(connection: Connection, manifest: BackupManifest) -> list[str]:
    tables = connection.execute(
        """select n.nspname::text, c.relname::text from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm') and n.nspname || '.' || c.relname = any (%s)""",
        [list(manifest.rows)],
    ).fetchall()
    found = count_rows(connection, [(row[0], row[1]) for row in tables])
    return [
        f"{table} has {found.get(table, 'no table for'):,} rows instead of {rows:,}"
        if table in found
        else f"{table} is missing, it had {rows:,} rows"
        for table, rows in sorted(manifest.rows.items())
        if found.get(table) != rows
    ]


def fact_differences(
    connection: Connection, manifest: BackupManifest, facts: Facts, restored: Restored, *, locale_differs: bool = False
) -> list[str]:
    """What the catalog of the copy has or lacks, but for what the notes of the restore say. Reads only."""
    replaced = [each for each in manifest.extensions if each.name in restored.stand_ins]
    ignored = (*IGNORED_SCHEMAS, *manifest.left_out, *(schema for each in replaced for schema in each.schemas))
    now = read_facts(connection, ignored_schemas=ignored)

    def counts(fact: Fact) -> bool:
        if fact.kind in ("subscription", "tablespace"):
            return False
        of = fact.identity.of if fact.kind == "comment" else None
        about = of or fact.identity
        if about.kind == "event trigger" and about in restored.login_triggers:
            return False
        if locale_differs and fact.kind in ("database", "collation"):
            return False
        if fact.kind == "cron job":
            return True
        if fact.kind == "extension" and any(f'"{fact.identity.plain_name}"' in note for note in restored.notes):
            return False
        if about.kind == "extension" and about.plain_name in restored.stand_ins:
            return False
        return not _is_in(fact.identity, {schema for each in replaced for schema in each.schemas})

    return list(describe(compare(_only(facts, counts), _only(now, counts))))


def _is_in(identity: Identity, schemas: Set[str]) -> bool:
    """Whether it is, or is about, one of these schemas, something in one, or a routine that takes something of one."""
    if identity.of is not None and _is_in(identity.of, schemas):
        return True
    taken = (parsed("type", each) for each in identity.operands)
    named = (identity.name if identity.kind == "schema" else identity.schema, *(each.schema for each in taken))
    return any(unquoted(each) in schemas for each in named if each)


def _only(facts: Facts, counts: Callable[[Fact], bool]) -> Facts:
    return Facts(frozenset(filter(counts, facts.facts)), facts.server_version, facts.read_at)


def _notes_on_jobs(manifest: BackupManifest, cron_is_ours: bool) -> Sequence[str]:
    has_cron = any(each.name == "pg_cron" for each in manifest.extensions)
    return [NO_JOB_RUNS] if cron_is_ours and has_cron else []


def _other_database(database: str) -> str:
    """A database to stand in while `database` is made."""
    return "template1" if database == "postgres" else "postgres"


def _by_files(connection: Connection) -> sql.SQL:
    """How a database is copied: file by file, which costs a fifth of page by page through the log, the default since 15."""
    return sql.SQL(" strategy file_copy" if connection.info.server_version >= 150000 else "")


def _in_database(target: Target, database: str) -> Target:
    return Target(f"{target.name} ({database})", make_conninfo(target.conninfo, dbname=database), target.ledger)
