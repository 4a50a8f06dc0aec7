"""Restoring a backup into a new database beside the target, never over it, and the steps to switch to it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import psycopg
from psycopg import sql

from pg_deploy.backup.errors import DatabaseTakenError, NoBackupError, RestoreFailedError
from pg_deploy.backup.manifest import BackupManifest, ExpectedError, Extension, read_facts_file
from pg_deploy.backup.restore import MadeExtension, create_database, restore, restore_login_triggers
from pg_deploy.backup.store import Store, backups_of_target, checked_backup, refuse_other_manifest
from pg_deploy.backup.take import backup_owner, count_rows, tables_of
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.ledger import schema
from pg_deploy.postgres.programs import server_programs
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.sql_files import engine_text

# A restoring role that is no superuser gets these errors. They mean only that some owners, rights and settings are not restored.
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
class RestoredBeside:
    """The new database, how it differs from the backup, and what to do next; one line each."""

    database: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    steps: tuple[str, ...]


def choose_backup(
    store: Store, target: Target, wanted: str, settings: BackupSettings, *, targets: Sequence[str] = ()
) -> str:
    """The name of the wanted backup: the given one, or for "last" the newest that this installation took of this database.

    If there are `targets`, only their backups can be chosen, and only these are named. Raises NoBackupError if there is none.
    If only other installations took some, a person has to say which one is meant.
    """
    names = store.names()
    if targets:
        # The store is all projects': who may restore one must not restore, or see, what another one keeps there.
        theirs = {name for each in targets for name, _ in backups_of_target(names, each)}
        names = [name for name in names if name in theirs]
    if wanted != "last":
        if wanted.rstrip("/").rsplit("/", 1)[-1] in names:
            return wanted.rstrip("/").rsplit("/", 1)[-1]
        raise NoBackupError(wanted, store.uri, names)
    with target.session("choose backup") as connection:
        owner = backup_owner(connection, settings.installation)
    of_that_name = backups_of_target(names, target.name)
    # Older versions did not write the owner into the name. If this one took none yet, those count as ours.
    ours = [name for name, whose in of_that_name if whose == owner] or [
        name for name, whose in of_that_name if not whose
    ]
    if not ours:
        raise NoBackupError(target.name, store.uri, [name for name, _ in of_that_name] or names)
    return ours[-1]


def new_database_name(target: Target) -> str:
    """`<database>_restored_<UTC time>`."""
    database = str(psycopg.conninfo.conninfo_to_dict(target.conninfo).get("dbname") or "database")
    return f"{database[:36]}_restored_{datetime.now(timezone.utc):%Y%m%d_%H%M%S}"


def restore_beside(
    target: Target, store: Store, name: str, database: str, settings: BackupSettings, *, log: logging.Logger
) -> RestoredBeside:
    """Restore the backup `name` into a new database of the target's server. Nothing that exists is touched.

    Roles and settings of the server stay as they are. Cron jobs are not restored, because they would run twice. Raises
    BackupDamagedError, ProgramMissingError or DatabaseTakenError before anything is made, and RestoreFailedError, after which the new
    database is dropped.
    """
    workdir = Path(settings.workdir or tempfile.gettempdir())
    with checked_backup(store, name, workdir) as (manifest, folder):
        programs = server_programs(manifest.server_version // 10000)
        log.info("backup %s is complete, every file has the sha256 that its manifest names", name)
        with target.session("restore beside") as connection:
            compared = _compare_with_ledger(connection, store, name, log)
            taken = connection.execute("select from pg_catalog.pg_database where datname = %s", [database]).fetchone()
            if taken is not None:
                raise DatabaseTakenError(database)
            note = create_database(connection, manifest, database)
        made = replace(target, name=database, conninfo=psycopg.conninfo.make_conninfo(target.conninfo, dbname=database))
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
    return RestoredBeside(database, differences, notes, _steps(target, database, manifest))


def _compare_with_ledger(connection: Connection, store: Store, name: str, log: logging.Logger) -> tuple[str, ...]:
    """A sentence if the ledger does not know this backup. Raises BackupDamagedError if it knows another manifest."""
    recorded = None
    if schema.exists(connection):
        recorded = connection.execute(
            engine_text("""select detail ->> 'manifest_sha256' from deploy_ledger.evidence
            where kind = 'backup' and detail ->> 'name' = %s order by id desc limit 1"""),
            [name],
        ).fetchone()
    if recorded is None or recorded[0] is None:
        sentence = f"the manifest of {name} was not compared: the ledger of this target does not know that backup"
        log.warning("%s", sentence)
        return (sentence,)
    refuse_other_manifest(store, name, str(recorded[0]))
    log.info("its manifest is the one that the ledger recorded when it was taken")
    return ()


def _make_extension(connection: Connection, extension: Extension) -> MadeExtension:
    if extension.name == "pg_cron":
        return MadeExtension(
            False, "pg_cron lives in one database only: its jobs are not restored, and do not run twice"
        )
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
        return MadeExtension(
            False, f"extension {extension.name} was not made: {one_line(str(error.diag.message_primary))}"
        )
    return MadeExtension(True)


def _compare(made: Target, manifest: BackupManifest, wanted: Facts, later: Sequence[str]) -> tuple[str, ...]:
    """The facts that differ, for a person to judge. Raises RestoreFailedError if the numbers of rows differ."""
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
    in_backup, restored = (
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
    return describe(compare(in_backup, restored))


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
