"""The pinned set: which migrations a run deploys, and exactly which text of them. Texts that hold a secret are kept sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pg_deploy.ledger.errors import PinnedContentChangedError
from pg_deploy.ledger.sealing import seal, unseal
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, compress_quickly
from pg_deploy.postgres.sql_files import engine_text

_COLUMNS = """deployment_id, position, version, stem, name, title, sql_hash, bundle_hash, sql, rollback, rollback_source,
    rollback_proven, risk, access"""


@dataclass(frozen=True)
class Pinned:
    """One row of deploy_ledger.planned_migration."""

    deployment_id: int
    position: int
    version: str
    stem: str
    name: str
    title: str
    sql_hash: str
    bundle_hash: str
    sql: str
    rollback: str | None
    rollback_source: str
    rollback_proven: bool
    risk: str
    access: str


def pin(connection: Connection, deployment_id: int, migrations: Sequence[Migration]) -> None:
    """Fix the set of a deployment; a retry of preflight replaces it. Commits once."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            engine_text("delete from deploy_ledger.planned_migration where deployment_id = %s"), [deployment_id]
        )
        compress_quickly(connection, max((len(migration.file.sql) for migration in migrations), default=0))
        cursor.executemany(
            engine_text("""insert into deploy_ledger.planned_migration
                (deployment_id, position, version, stem, name, title, sql_hash, bundle_hash, sql, rollback,
                rollback_source, risk, access, manifest)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""),
            [
                (
                    deployment_id,
                    position,
                    migration.version,
                    migration.stem,
                    migration.file.name,
                    migration.title,
                    migration.file.sql_hash,
                    migration.bundle_hash,
                    seal(migration.file.sql),
                    _sealed(migration.rollback),
                    "written" if migration.rollback is not None else "none",
                    migration.manifest.risk,
                    migration.manifest.access,
                    Jsonb(migration.manifest.model_dump(mode="json")),
                )
                for position, migration in enumerate(migrations, start=1)
            ],
        )


def pinned(connection: Connection, deployment_id: int) -> tuple[Pinned, ...]:
    """The set of a deployment in order. Reads only."""
    with connection.cursor(row_factory=class_row(Pinned)) as cursor:
        rows = cursor.execute(
            engine_text(
                f"select {_COLUMNS} from deploy_ledger.planned_migration where deployment_id = %s order by position"
            ),
            [deployment_id],
        ).fetchall()
    return tuple(map(_unsealed, rows))


def _unsealed(row: Pinned) -> Pinned:
    return replace(row, sql=unseal(row.sql), rollback=None if row.rollback is None else unseal(row.rollback))


def _sealed(rollback: str | None) -> str | None:
    return None if rollback is None else seal(rollback)


def pinned_versions(connection: Connection, deployment_id: int) -> frozenset[str]:
    """The versions of a deployment's set, without their texts. Reads only."""
    rows = connection.execute(
        engine_text("select version from deploy_ledger.planned_migration where deployment_id = %s"), [deployment_id]
    ).fetchall()
    return frozenset(version for (version,) in rows)


def pinned_version(connection: Connection, deployment_id: int, version: str) -> Pinned | None:
    """The pinned migration of that version, if the run has it. Reads only."""
    with connection.cursor(row_factory=class_row(Pinned)) as cursor:
        row = cursor.execute(
            engine_text(
                f"select {_COLUMNS} from deploy_ledger.planned_migration where deployment_id = %s and version = %s"
            ),
            [deployment_id, version],
        ).fetchone()
    return _unsealed(row) if row else None


def manifest_of(connection: Connection, deployment_id: int, version: str) -> Manifest:
    """The manifest as pinned. Reads only."""
    row = connection.execute(
        engine_text("select manifest from deploy_ledger.planned_migration where deployment_id = %s and version = %s"),
        [deployment_id, version],
    ).fetchone()
    return Manifest.model_validate(row[0]) if row else Manifest()


def add_generated(connection: Connection, migration: Migration, deployment_id: int, *, proven: bool) -> None:
    """Add a generated rollback to the pin, once; proven by a rehearsal it fixes the bundle_hash. Commits once.

    Raises PinnedContentChangedError if the pin has another rollback already.
    """
    rollback = _sealed(migration.rollback)
    done = connection.execute(
        engine_text("""update deploy_ledger.planned_migration
        set rollback = %s, rollback_source = 'generated', rollback_proven = %s, bundle_hash = %s
        where deployment_id = %s and version = %s and (rollback is null or rollback = %s)"""),
        [rollback, proven, migration.bundle_hash, deployment_id, migration.version, rollback],
    ).rowcount
    if not done:
        raise PinnedContentChangedError(migration.stem)


def pin_undo(connection: Connection, deployment_id: int, wanted: Sequence[Pinned]) -> None:
    """Fix what a rollback run undoes, in this order, with the texts given; a retry replaces it. Commits once."""
    with connection.transaction():
        connection.execute(
            engine_text("delete from deploy_ledger.planned_migration where deployment_id = %s"), [deployment_id]
        )
        for position, each in enumerate(wanted, start=1):
            connection.execute(
                engine_text("""insert into deploy_ledger.planned_migration
                    (deployment_id, position, version, stem, name, title, sql_hash, bundle_hash, sql, rollback,
                    rollback_source, rollback_proven, risk, access, manifest)
                select %s, %s, version, stem, name, title, sql_hash, bundle_hash, sql, %s, %s, rollback_proven, risk, access,
                    manifest
                from deploy_ledger.planned_migration where deployment_id = %s and version = %s"""),
                [
                    deployment_id,
                    position,
                    _sealed(each.rollback),
                    each.rollback_source,
                    each.deployment_id,
                    each.version,
                ],
            )


def refuse_other_content(pinned_migration: Pinned, migration: Migration) -> None:
    """Raise PinnedContentChangedError unless the files are still those that preflight pinned."""
    if (migration.file.sql_hash, as_pinned(pinned_migration, migration).bundle_hash) != (
        pinned_migration.sql_hash,
        pinned_migration.bundle_hash,
    ):
        raise PinnedContentChangedError(pinned_migration.stem)


def as_pinned(pinned_migration: Pinned, migration: Migration) -> Migration:
    """The migration, with the rollback that a rehearsal added to its pin, if there is one."""
    if pinned_migration.rollback_proven and pinned_migration.rollback is not None:
        return migration.with_generated(pinned_migration.rollback)
    return migration
