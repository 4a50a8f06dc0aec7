"""The migrations that the folder, the history or the ledger knows, and where each stands on a target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.folder import migrations_dir
from pg_deploy.migrations.migration import MigrationFile, scan_folder
from pg_deploy.migrations.names import order
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.preflight.migration_standings import Standing, State, read_state
from pg_deploy.ui.projects import KnownProject

Group = Literal["pending", "verified", "unverified", "drifted"]
"""What the head of the list counts."""


@dataclass(frozen=True)
class _Shown:
    """How a standing is shown, and the group in which it is counted."""

    words: str
    tone: str
    group: Group | None = None


class _Run(NamedTuple):
    dag_id: str
    airflow_run: str
    is_open: bool


@dataclass(frozen=True)
class MigrationLine:
    """One migration in the history.

    `standing` says in words where it stands, and the page counts by `group`. `dag_id`, `airflow_run` and `deployment_id` are those of
    its newest attempt.
    """

    version: str
    name: str
    standing: str
    group: Group | None
    tone: str
    at: datetime | None
    dag_id: str | None
    airflow_run: str | None
    deployment_id: int | None


@dataclass(frozen=True)
class History:
    """All migrations, the newest first, and in `unseen` a sentence about what could not be seen."""

    migrations: tuple[MigrationLine, ...]
    unseen: str = ""

    def count(self, group: Group) -> int:
        """How many migrations are of that group."""
        return sum(migration.group == group for migration in self.migrations)


def read_history(connection: Connection, project: KnownProject, *, has_ledger: bool) -> History:
    """Where each migration stands. Reads the target, and the project's folder of migrations if this process can see it."""
    files, unseen = {}, ""
    try:
        folder = scan_folder(project.migrations or migrations_dir())
        files = {file.version: file for file in folder.files}
        if folder.faults:
            unseen = f"{len(folder.faults)} files in the folder of migrations cannot be used: a dry run names them."
    except (PgDeployError, OSError):
        unseen = "the folder of migrations is not visible to Airflow's API server, so pending ones are not listed."
    stems, runs = _read_attempts(connection) if has_ledger else ({}, {})
    state = read_state(connection, sorted({*files, *stems}))
    # What another project of this database deployed is on that project's page.
    recorded_here = set(state.history) - set(state.of_others)
    versions = sorted({*files, *stems, *recorded_here}, key=order, reverse=True)
    rows = []
    for version in versions:
        shown = _standing(state, version, files.get(version))
        attempt = state.attempts.get(version)
        run = runs.get(attempt.deployment_id) if attempt else None
        if run and run.is_open and state.standing(version) is Standing.UNFINISHED:
            shown = _Shown("being deployed", "wait")
        recorded = state.history.get(version)
        name = files[version].stem if version in files else stems.get(version)
        if version not in files and not unseen and version in state.history:
            shown = replace(shown, words=f"{shown.words}, no file")
        rows.append(
            MigrationLine(
                version=version,
                name=name or f"{version}_{recorded.name if recorded and recorded.name else 'unnamed'}",
                standing=shown.words,
                group=shown.group,
                tone=shown.tone,
                at=(attempt.ended_at or attempt.started_at) if attempt else None,
                dag_id=run.dag_id if run else None,
                airflow_run=run.airflow_run if run else None,
                deployment_id=attempt.deployment_id if attempt else None,
            )
        )
    return History(tuple(rows), unseen)


def _standing(state: State, version: str, file: MigrationFile | None) -> _Shown:
    standing = state.standing(version)
    attempt = state.attempts.get(version)
    in_place = standing in (Standing.DEPLOYED, Standing.BASELINED)
    if in_place and attempt is not None and file is not None and not file.is_text_of(attempt.sql_hash):
        return _Shown("drifted: its file was edited after it was deployed", "bad", "drifted")
    if standing is Standing.PENDING and file is None:
        return _Shown("attempted, no file any more", "plain")
    return _words(standing)


def _words(standing: Standing) -> _Shown:
    # The match has no default: mypy then names a standing without words, which a mapping would only meet in production.
    match standing:
        case Standing.DEPLOYED:
            return _Shown("applied and verified", "good", "verified")
        case Standing.BASELINED:
            return _Shown("applied, adopted as it was, not verified", "wait", "unverified")
        case Standing.ELSEWHERE:
            return _Shown("applied elsewhere, not verified", "wait", "unverified")
        case Standing.UNFINISHED:
            return _Shown("begun and not finished", "bad")
        case Standing.ROLLED_BACK:
            return _Shown("pending, rolled back before", "wait", "pending")
        case Standing.PENDING:
            return _Shown("pending", "plain", "pending")
        case Standing.UNBELIEVED:
            return _Shown("drifted: verified, but none of its statements ran", "bad", "drifted")
        case Standing.GONE:
            return _Shown("drifted: verified, but gone from the history", "bad", "drifted")


def _read_attempts(connection: Connection) -> tuple[dict[str, str], dict[int, _Run]]:
    """The stem of each version that was ever tried, and, by deployment, the run of its newest attempt."""
    rows = connection.execute(
        engine_text("""select distinct on (a.version) a.version, a.stem, d.id, d.dag_id, d.airflow_run, d.ended_at is null
        from deploy_ledger.attempt a join deploy_ledger.deployment d on d.id = a.deployment_id
        order by a.version, a.id desc""")
    ).fetchall()
    return {row[0]: row[1] for row in rows}, {row[2]: _Run(*row[3:]) for row in rows}
