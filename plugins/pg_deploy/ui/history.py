"""Every migration that the folder, the history or the ledger knows, and where it stands on a target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.folder import migrations_dir
from pg_deploy.migrations.migration import MigrationFile, scan_folder
from pg_deploy.migrations.names import order
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.standings import Standing, State, read_state

Count = Literal["pending", "verified", "unverified", "drifted"]
"""What the head of the list counts."""


@dataclass(frozen=True)
class _Shown:
    """How a standing is shown, and what it counts as."""

    words: str
    tone: str
    counts_as: Count | None = None


@dataclass(frozen=True)
class Migration:
    """One line of the history; `dag_id` and `airflow_run` are those of its newest attempt."""

    version: str
    name: str
    standing: str
    tone: str
    counts_as: Count | None
    at: datetime | None
    dag_id: str | None
    airflow_run: str | None
    deployment_id: int | None


@dataclass(frozen=True)
class History:
    """All migrations, the newest first, and what could not be seen."""

    migrations: tuple[Migration, ...]
    unseen: str = ""

    def count(self, wanted: Count) -> int:
        """How many stand so."""
        return sum(one.counts_as == wanted for one in self.migrations)


def read_history(connection: Connection, *, has_ledger: bool) -> History:
    """Where each migration stands. Reads the target and the folder of migrations, as far as this process sees it."""
    files, unseen = {}, ""
    try:
        folder = scan_folder(migrations_dir())
        files = {file.version: file for file in folder.files}
        if folder.faults:
            unseen = f"of the folder of migrations, {len(folder.faults)} files cannot be used: a dry run names them."
    except (PgDeployError, OSError):
        unseen = "the folder of migrations is not visible to Airflow's API server, so pending ones are not listed."
    known, runs = _attempted(connection) if has_ledger else ({}, {})
    state = read_state(connection, sorted({*files, *known}))
    versions = sorted({*files, *known, *state.history}, key=order, reverse=True)
    rows = []
    for version in versions:
        shown = _standing(state, version, files.get(version))
        attempt = state.attempts.get(version)
        run = runs.get(attempt.deployment_id) if attempt else None
        if run and run[2] and state.standing(version) is Standing.UNFINISHED:
            shown = _Shown("being deployed", "wait")
        recorded = state.history.get(version)
        name = files[version].stem if version in files else known.get(version)
        if version not in files and not unseen and version in state.history:
            # What is verified and has no file any more is no longer among those that need no look.
            still = None if shown.counts_as == "verified" else shown.counts_as
            shown = _Shown(f"{shown.words}, no file", shown.tone, still)
        rows.append(
            Migration(
                version=version,
                name=name or f"{version}_{recorded.name if recorded and recorded.name else 'unnamed'}",
                standing=shown.words,
                tone=shown.tone,
                counts_as=shown.counts_as,
                at=(attempt.ended_at or attempt.started_at) if attempt else None,
                dag_id=run[0] if run else None,
                airflow_run=run[1] if run else None,
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
    # A match without an end for others: mypy names a standing that has no words here, which a mapping would meet in production.
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


def _attempted(connection: Connection) -> tuple[dict[str, str], dict[int, tuple[str, str, bool]]]:
    """The stems of all versions that were ever tried, and the run behind each of their deployments, and whether it is open."""
    rows = connection.execute(
        """select distinct on (a.version) a.version, a.stem, d.id, d.dag_id, d.airflow_run, d.ended_at is null
        from deploy_ledger.attempt a join deploy_ledger.deployment d on d.id = a.deployment_id
        order by a.version, a.id desc"""
    ).fetchall()
    return {row[0]: row[1] for row in rows}, {row[2]: (row[3], row[4], row[5]) for row in rows}
