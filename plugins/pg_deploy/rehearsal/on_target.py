"""`rehearse: on_target`: a scratch database on the target's own server, by name only and guarded.

Roles, memberships and settings belong to the whole server: what would change them is aborted before it commits.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import psycopg.conninfo
from psycopg import sql

from pg_deploy.backup.manifest import BackupManifest, ExpectedError, Extension, read_facts_file
from pg_deploy.backup.masking import mask_columns
from pg_deploy.backup.restore import MadeExtension, create_database, restore
from pg_deploy.backup.store import Store, checked_backup, refuse_other_manifest
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, read_facts
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.deployment.job import Job
from pg_deploy.execution.segments import Observer
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import Segment, Statement
from pg_deploy.postgres.programs import client_programs
from pg_deploy.postgres.session import Backend, Connection, Target
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.rehearsal.errors import ChangesWholeServerError, CopyDiffersError, UnfitCloneError
from pg_deploy.rehearsal.outgoing_calls import CALLERS, make_extension
from pg_deploy.rehearsal.rehearse import Stage, rehearse

_DIGEST = engine_sql("rehearsal/server_digest")
_WORDS = ("roles", "memberships", "settings of roles or databases", "databases")
# Only these run outside a transaction and stay within a database.
_ALONE = re.compile(
    r"^\s*(create|drop)\s+(unique\s+)?index|^\s*(re)?index|^\s*vacuum|^\s*alter\s+(type|table)", re.IGNORECASE
)
_NOT_OURS = (
    ExpectedError(r"^must be (owner|member|superuser)|^must be able to SET ROLE|^permission denied", "the role is no superuser"),
    ExpectedError(r"^must have|^only superusers|^no privileges|^Non-superuser", "the role is no superuser"),
)  # fmt: skip


@dataclass
class ServerGuard(Observer):
    """Lets `inner` look on, and aborts what changes more than the scratch database."""

    stem: str
    inner: Observer
    digest: tuple[str, ...]

    def after_statement(self, connection: Connection, statement: Statement, seconds: float) -> None:
        """Passed on."""
        self.inner.after_statement(connection, statement, seconds)

    def before_commit(self, connection: Connection, segment: Segment) -> None:
        """Raise ChangesWholeServerError where the shared catalogs are not what they were."""
        now = server_digest(connection)
        changed = [word for word, old, new in zip(_WORDS, self.digest, now, strict=True) if old != new]
        if changed:
            raise ChangesWholeServerError(self.stem, ", ".join(changed))
        self.inner.before_commit(connection, segment)

    def around_statement_alone(
        self, target: Target, backend: Backend, statement: Statement
    ) -> AbstractContextManager[None]:
        """Raise ChangesWholeServerError for a statement that could not be taken back."""
        if not _ALONE.match(re.sub(r"(--[^\n]*\n|/\*.*?\*/|\s+)+", " ", statement.sql, flags=re.DOTALL)):
            raise ChangesWholeServerError(self.stem, statement.summary)
        return self.inner.around_statement_alone(target, backend, statement)


def server_digest(connection: Connection) -> tuple[str, ...]:
    """Digests of what the server's databases share, as this transaction sees it. Reads only."""
    row = connection.execute(_DIGEST).fetchone()
    return tuple(str(value) for value in row) if row else ()


def on_target_server(
    job: Job,
    store: Store,
    name: str,
    migrations: Sequence[Migration],
    settings: BackupSettings,
    *,
    manifest_sha256: str,
) -> str:
    """Rehearse in a scratch database beside the target, which is dropped at the end; returns a sentence.

    Raises UnfitCloneError above the size limit or where the role may make no database, BackupDamagedError,
    RestoreFailedError, CopyDiffersError, RehearsalFailedError (ChangesWholeServerError among its reasons).
    """
    refuse_other_manifest(store, name, manifest_sha256)
    with checked_backup(store, name, settings.workdir) as (manifest, folder):
        if manifest.server.total_bytes > settings.on_target_limit:
            raise UnfitCloneError(
                job.target.name,
                f"its {manifest.server.total_bytes / 2**20:,.0f} MB are above the limit of "
                f"{settings.on_target_limit / 2**20:,.0f} MB for a copy on the same server",
                "use rehearse: full, or raise PG_DEPLOY_ON_TARGET_LIMIT_MB",
            )
        with _scratch(job, manifest) as scratch:
            notes = _fill(job, scratch, manifest, folder, settings)
            with job.target.session("digest") as connection:
                before = server_digest(connection)
            stage = Stage(
                scratch,
                "scratch database on the target's server",
                None,
                notes,
                lambda migration, observer: ServerGuard(migration.stem, observer, before),
            )
            rehearse(job, stage, migrations)
    return f"rehearsed {len(migrations)} in a scratch database on the target's server"


@contextmanager
def _scratch(job: Job, manifest: BackupManifest) -> Iterator[Target]:
    """An empty database, dropped whatever happened; the deploy lock is ours, so any older one is a killed run's."""
    prefix = f"{manifest.server.database[:30]}_rehearsal_"
    name = f"{prefix}{secrets.token_hex(4)}"
    with job.target.session("scratch") as connection:
        for (left,) in connection.execute(
            "select datname::text from pg_catalog.pg_database where datname ~ %s",
            [f"^{re.escape(prefix)}[0-9a-f]{{8}}$"],
        ).fetchall():
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(left)))
            job.log.info("removed the scratch database that an interrupted rehearsal left behind")
        try:
            create_database(connection, manifest, name)
        except psycopg.errors.InsufficientPrivilege:
            raise UnfitCloneError(
                job.target.name,
                f'role "{manifest.server.role}" may not make a database there',
                "grant it CREATEDB or use rehearse: full",
            ) from None
        try:
            yield Target(
                f"scratch of {job.target.name}", psycopg.conninfo.make_conninfo(job.target.conninfo, dbname=name)
            )
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _fill(
    job: Job, scratch: Target, manifest: BackupManifest, folder: Path, settings: BackupSettings
) -> tuple[str, ...]:
    restored = restore(
        manifest,
        folder,
        scratch,
        client_programs(manifest.server_version // 10000),
        _make_extension,
        jobs=settings.jobs,
        log=job.log,
        left_out=("deploy_ledger",),
        with_globals=False,
        also_expected=_NOT_OURS,
    )
    facts = read_facts_file(manifest, folder)
    replaced = [schema for each in manifest.extensions if each.name in restored.stand_ins for schema in each.schemas]
    with scratch.session("compare") as connection:
        now = read_facts(connection, ignored_schemas=(*IGNORED_SCHEMAS, *manifest.left_out))
        masked = mask_columns(connection, settings.masked, job.log)
        connection.execute("analyze")
    kinds = ("table", "view", "materialized view", "column", "constraint", "policy", "trigger", "index", "function")
    present = set(now.by_key)
    missing = [
        f"{kind} {identity} is missing"
        for kind, identity in sorted(facts.by_key)
        if kind in kinds and (kind, identity) not in present and identity.split(".")[0] not in replaced
    ]
    if missing:
        raise CopyDiffersError(scratch.name, missing)
    owners = len(restored.expected_errors)
    notes = [*restored.notes, f"{len(masked)} columns masked"]
    if owners:
        notes.append(f"{owners} owners, rights and the like could not be restored, as the role is no superuser")
    return tuple(notes)


def _make_extension(connection: Connection, extension: Extension) -> MadeExtension:
    if extension.name in (*CALLERS, "postgres_fdw"):
        return MadeExtension(False, f'extension "{extension.name}" is left out of the copy: it could reach out')
    return make_extension(connection, extension, cron_is_ours=False)
