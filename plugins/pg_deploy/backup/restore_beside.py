"""A backup restored into a new database beside the target, never over it; with the steps to switch."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psycopg
from psycopg import sql

from pg_deploy.backup.errors import DatabaseTakenError, NoBackupError, RestoreFailedError
from pg_deploy.backup.manifest import BackupManifest, ExpectedError, Extension, read_facts_file
from pg_deploy.backup.restore import Made, create_database, restore, restore_login_triggers
from pg_deploy.backup.store import Store, checked, of_target, refuse_other_manifest
from pg_deploy.backup.take import count_rows, owner_of, tables_of
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.ledger import schema
from pg_deploy.postgres.programs import server_programs
from pg_deploy.postgres.session import Connection, Target, one_line

# What a role that is no superuser may not do: the object is made, and belongs to the restoring role.
_NOT_OURS = (
    ExpectedError(
        r"must be (owner of|member of role|able to SET ROLE|superuser)", "the owner or its rights stay the restorer's"
    ),
    ExpectedError(r"permission denied (to|for)", "what only a superuser may set stays out"),
    ExpectedError(r"(schema|extension|publication|language) \"[^\"]+\" already exists", "the server made it already"),
    ExpectedError(r"role \"[^\"]+\" does not exist", "the server does not have that role any more"),
    ExpectedError(r"must be superuser to create", "what only a superuser may make stays out"),
)


@dataclass(frozen=True)
class Beside:
    """The new database, what of it is not as in the backup, and what to do next; one line each."""

    database: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    steps: tuple[str, ...]


def choose_backup(store: Store, target: Target, wanted: str, settings: BackupSettings) -> str:
    """The name of the wanted backup: itself, or for "last" the newest that this installation took of this database.

    Raises NoBackupError where there is none, also where only others took some: which of them is meant is for a person to say.
    """
    names = store.names()
    if wanted != "last":
        if wanted.rstrip("/").rsplit("/", 1)[-1] in names:
            return wanted.rstrip("/").rsplit("/", 1)[-1]
        raise NoBackupError(wanted, store.uri, names)
    with target.session("choose backup") as connection:
        owner = owner_of(connection, settings.installation)
    named_so = of_target(names, target.name)
    # Of an installation that took some before names said whose they are, and none since, those are the ones.
    mine = [name for name, whose in named_so if whose == owner] or [name for name, whose in named_so if not whose]
    if not mine:
        raise NoBackupError(target.name, store.uri, [name for name, _ in named_so] or names)
    return mine[-1]


def new_database_name(target: Target) -> str:
    """`<database>_restored_<UTC time>`."""
    database = str(psycopg.conninfo.conninfo_to_dict(target.conninfo).get("dbname") or "database")
    return f"{database[:36]}_restored_{datetime.now(timezone.utc):%Y%m%d_%H%M%S}"


def restore_beside(
    target: Target, store: Store, name: str, database: str, settings: BackupSettings, *, log: logging.Logger
) -> Beside:
    """Restore the backup `name` into a new database of the target's server; nothing that is there is touched.

    Roles and settings of the server stay as they are, and cron jobs are not restored: they would run twice. Raises
    BackupDamagedError before anything is made, DatabaseTakenError, RestoreFailedError (the new database is then dropped).
    """
    workdir = Path(settings.workdir or tempfile.gettempdir())
    with checked(store, name, workdir) as (manifest, folder):
        log.info("backup %s is complete, every file has the sha256 that its manifest names", name)
        with target.session("restore beside") as connection:
            compared = _compare_with_ledger(connection, store, name, log)
            taken = connection.execute("select from pg_catalog.pg_database where datname = %s", [database]).fetchone()
            if taken is not None:
                raise DatabaseTakenError(database)
            note = create_database(connection, manifest, database)
        made = Target(database, psycopg.conninfo.make_conninfo(target.conninfo, dbname=database))
        programs = server_programs(manifest.server_version // 10000)
        try:
            restored = restore(
                manifest,
                folder,
                made,
                programs,
                _make_extension,
                jobs=settings.jobs,
                log=log,
                with_globals=False,
                also_expected=_NOT_OURS,
            )
            differences = _compare(made, manifest, read_facts_file(manifest, folder), restored.login_triggers)
            restore_login_triggers(manifest, folder, made, programs, restored)
        except BaseException:
            with target.session("restore beside") as connection:
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
            raise
    notes = (*compared, *restored.notes, *([note] if note else []), *dict.fromkeys(restored.expected_errors))
    return Beside(database, differences, notes, _steps(target, database, manifest))


def _compare_with_ledger(connection: Connection, store: Store, name: str, log: logging.Logger) -> tuple[str, ...]:
    """A sentence where the ledger does not know this backup. Raises BackupDamagedError where it knows another manifest."""
    recorded = None
    if schema.exists(connection):
        recorded = connection.execute(
            """select detail ->> 'manifest_sha256' from deploy_ledger.evidence
            where kind = 'backup' and detail ->> 'name' = %s order by id desc limit 1""",
            [name],
        ).fetchone()
    if recorded is None or recorded[0] is None:
        sentence = f"the manifest of {name} was not compared: the ledger of this target does not know that backup"
        log.warning("%s", sentence)
        return (sentence,)
    refuse_other_manifest(store, name, str(recorded[0]))
    log.info("its manifest is the one that the ledger recorded when it was taken")
    return ()


def _make_extension(connection: Connection, extension: Extension) -> Made:
    if extension.name == "pg_cron":
        return Made(False, "pg_cron lives in one database only: its jobs are not restored, and do not run twice")
    schema = sql.Identifier(extension.schema)
    try:
        if not extension.makes_schema:
            connection.execute(sql.SQL("create schema if not exists {}").format(schema))
        connection.execute(
            sql.SQL("create extension if not exists {}{}").format(
                sql.Identifier(extension.name),
                sql.SQL("") if extension.makes_schema else sql.SQL(" schema {}").format(schema),
            )
        )
    except psycopg.Error as error:
        return Made(False, f"extension {extension.name} was not made: {one_line(str(error.diag.message_primary))}")
    return Made(True)


def _compare(made: Target, manifest: BackupManifest, wanted: Facts, later: Sequence[str]) -> tuple[str, ...]:
    """The facts that differ, for a person to judge; rows must be equal. Raises RestoreFailedError."""
    with made.session("compare") as connection:
        facts = read_facts(connection)
        rows = (
            count_rows(connection, tables_of(connection, manifest.schemas))
            if manifest.kind == "full"
            else manifest.rows
        )
    wrong = [
        f"{table} has {rows.get(table, 0):,} rows instead of {count:,}"
        for table, count in manifest.rows.items()
        if rows.get(table) != count
    ]
    if wrong:
        raise RestoreFailedError(manifest.name, wrong)
    here, there = (
        Facts(
            frozenset(
                fact
                for fact in each.facts
                if fact.scope == "database"
                and fact.kind not in ("cron job", "unreadable")
                and not (fact.kind == "event trigger" and fact.identity in later)
            ),
            each.server_version,
            each.read_at,
        )
        for each in (wanted, facts)
    )
    return describe(compare(here, there))


def _steps(target: Target, database: str, manifest: BackupManifest) -> tuple[str, ...]:
    was = str(psycopg.conninfo.conninfo_to_dict(target.conninfo).get("dbname") or "database")
    return (
        f'look at "{database}": it is as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC; what was written since is in "{was}" only',
        "to bring back rows: copy those that are wrong from it, by their keys, and keep the target",
        "to switch altogether: stop the application and the cron jobs, copy over what was written since, then, connected to "
        "another database, as a superuser:",
        f'    alter database "{was}" rename to "{was}_before_restore";',
        f'    alter database "{database}" rename to "{was}";',
        "    (or point the application and the Airflow connection at the new name)",
        "then schedule the cron jobs there, and start the application; drop the old database when nobody misses it",
    )
