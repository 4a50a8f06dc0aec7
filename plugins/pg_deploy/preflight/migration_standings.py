"""What a run would do: where each migration stands, which are pending, and which faults prevent the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from pg_deploy.errors import EditedAfterDeploymentError, PgDeployError
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import schema
from pg_deploy.ledger.attempt import UNFINISHED, Attempt
from pg_deploy.ledger.others import versions_of_others
from pg_deploy.migrations import history
from pg_deploy.migrations.errors import UnknownMigrationError
from pg_deploy.migrations.history import HistoryRow
from pg_deploy.migrations.migration import MigrationFile
from pg_deploy.migrations.names import order
from pg_deploy.postgres.session import Connection
from pg_deploy.preflight.errors import (
    HistoryMismatchError,
    MissingFileError,
    NoStatementsError,
    OutOfOrderError,
    VersionOfOtherError,
)


class Standing(Enum):
    """Where a migration stands on this target, by history and ledger together."""

    DEPLOYED = "deployed and verified by us"
    BASELINED = "adopted as it was"
    ELSEWHERE = "applied elsewhere, not verified by us"
    UNFINISHED = "begun by an earlier run and not finished"
    ROLLED_BACK = "pending, rolled back before"
    PENDING = "pending"
    UNBELIEVED = "verified, the ledger says, but none of its statements ran"
    GONE = "verified by us, but gone from the history"

    @property
    def is_in_place(self) -> bool:
        """Whether there is nothing to do."""
        return self in (Standing.DEPLOYED, Standing.BASELINED, Standing.ELSEWHERE)

    @property
    def is_pending(self) -> bool:
        """Whether a run would deploy it."""
        return self in (Standing.PENDING, Standing.ROLLED_BACK, Standing.UNFINISHED)


@dataclass(frozen=True)
class State:
    """History and ledger of a target at one moment."""

    history: Mapping[str, HistoryRow]
    attempts: Mapping[str, Attempt]
    without_statements: frozenset[int] = frozenset()
    """The ids of attempts that count as verified although the ledger knows of no statement of theirs that ended."""
    of_others: Mapping[str, str] = field(default_factory=dict)
    """The versions of other projects in this database, with their ledgers."""

    @property
    def elsewhere(self) -> frozenset[str]:
        """The versions that the history holds but the ledger does not know."""
        return frozenset(self.history) - frozenset(self.attempts) - frozenset(self.of_others)

    def standing(self, version: str) -> Standing:
        """Where that version stands."""
        attempt = self.attempts.get(version)
        recorded = version in self.history
        if attempt is not None:
            if attempt.state in UNFINISHED:
                return Standing.UNFINISHED
            if attempt.id in self.without_statements:
                return Standing.UNBELIEVED
            if attempt.state in (attempts.State.VERIFIED, attempts.State.BASELINED):
                if not recorded:
                    return Standing.GONE
                return Standing.DEPLOYED if attempt.state == attempts.State.VERIFIED else Standing.BASELINED
        if recorded:
            return Standing.ELSEWHERE
        if attempt is not None and attempt.state == attempts.State.ROLLED_BACK:
            return Standing.ROLLED_BACK
        return Standing.PENDING


@dataclass(frozen=True)
class Plan:
    """A folder compared with a target: all standings, the pending migrations that are chosen or left out, and every fault.

    `settled` are sentences about files that differ or are unusable, but do not matter: their versions are applied.
    `passed_over` are file names that no run considers.
    """

    standings: Mapping[str, Standing]
    chosen: tuple[MigrationFile, ...]
    left_out: tuple[MigrationFile, ...]
    faults: tuple[PgDeployError, ...]
    settled: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


def read_state(connection: Connection, versions: Sequence[str]) -> State:
    """History and ledger for `versions`. On a new target both may be missing. Reads only."""
    latest = attempts.latest_by_version(connection, versions) if schema.exists(connection) else {}
    verified = [attempt.id for attempt in latest.values() if attempt.state == attempts.State.VERIFIED]
    without_statements = attempts.without_statements(connection, verified) if verified else frozenset()
    return State(history.read(connection), latest, without_statements, versions_of_others(connection))


def make_plan(
    files: Sequence[MigrationFile],
    state: State,
    *,
    wanted: Sequence[str] = (),
    out_of_order: bool = False,
    faulty: Sequence[str] = (),
) -> Plan:
    """Which of `files` are pending on a target in `state`. Pure.

    `wanted` names versions or stems; if it is empty, all are wanted. `faulty` are the stems of unusable files: they are not
    missing, and their faults are reported elsewhere.
    """
    standings = {file.version: state.standing(file.version) for file in files}
    faults, settled = _judge_files(files, state)
    known = [(file.version, file.stem) for file in files] + [(stem.split("_", 1)[0], stem) for stem in faulty]
    faults += [
        VersionOfOtherError(stem, version, state.of_others[version])
        for version, stem in known
        if version in state.of_others
    ]
    missing = sorted(set(state.history) - {version for version, _ in known} - set(state.of_others))
    if missing:
        faults.append(MissingFileError(missing))
    names = {name for version_and_stem in known for name in version_and_stem}
    stems = [file.stem for file in files]
    faults += [UnknownMigrationError(name, stems) for name in wanted if name not in names]
    pending = [file for file in files if standings[file.version].is_pending]
    chosen = [file for file in pending if not wanted or {file.version, file.stem} & set(wanted)]
    chosen_versions = {file.version for file in chosen}
    left_out = [file for file in pending if file.version not in chosen_versions]
    newest = max((version for version in state.history if version in standings), key=order, default="")
    late = [
        file.stem
        for file in chosen
        if newest and order(file.version) < order(newest) and standings[file.version] is Standing.PENDING
    ]
    if late and not out_of_order:
        faults.append(OutOfOrderError(late, newest))
    return Plan(standings, tuple(chosen), tuple(left_out), tuple(faults), tuple(settled))


def _judge_files(files: Sequence[MigrationFile], state: State) -> tuple[list[PgDeployError], list[str]]:
    """The faults of files whose versions the ledger knows, and the sentences about differences that do not matter."""
    faults: list[PgDeployError] = []
    settled: list[str] = []
    for file in files:
        attempt = state.attempts.get(file.version)
        standing = state.standing(file.version)
        if standing is Standing.UNBELIEVED:
            faults.append(NoStatementsError(file.stem))
        elif standing is Standing.GONE:
            faults.append(HistoryMismatchError(file.stem, file.version))
        elif attempt is not None and standing in (Standing.DEPLOYED, Standing.BASELINED):
            if file.sql_hash == attempt.sql_hash:
                continue
            if file.is_text_of(attempt.sql_hash):
                settled.append(
                    f'"{file.path.name}" differs from what was deployed only in line ends or in a byte-order mark: it counts as unedited'
                )
            else:
                faults.append(EditedAfterDeploymentError(file.stem))
    return faults, settled
