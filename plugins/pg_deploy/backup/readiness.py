"""What preflight must know about backup and rehearsal: whether this worker can make them, and this role can read everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pg_deploy.backup.closure import find_closure
from pg_deploy.backup.errors import UnreadableTablesError
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.configuration.conf import DeployConf
from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.programs import client_programs, server_programs
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.postgres.wall_around_server import refuse_without_wall, strongest_wall

_UNREADABLE = engine_sql("backup/unreadable")


@dataclass(frozen=True)
class CloneWay:
    """How a clone would be had, in a clause, or why it could not be."""

    sentence: str = ""
    fault: PgDeployError | None = None


def reads_all_rows(conf: DeployConf) -> bool:
    """Whether a run with this conf reads all rows of the target."""
    return conf.backup in ("full", "schema") or conf.rehearse == "full"


def readiness_faults(
    connection: Connection,
    target: str,
    conf: DeployConf,
    migrations: Sequence[Migration],
    clone: CloneWay | None = None,
) -> list[PgDeployError]:
    """Every reason why backup or rehearsal of these migrations cannot work; empty if there is none. Reads only."""
    if not migrations:
        return []
    major = connection.info.server_version // 10000
    faults: list[PgDeployError] = []
    if reads_all_rows(conf):
        faults += _fault_of(backup_settings)
        faults += _fault_of(lambda: client_programs(major))
        schemas = list(find_closure(connection, migrations).included)
        hidden = tuple(row[0] for row in connection.execute(_UNREADABLE, {"schemas": schemas}))
        if hidden:
            role = str((connection.execute("select current_user").fetchone() or [""])[0])
            faults.append(UnreadableTablesError(role, hidden))
    if conf.rehearse == "full":
        faults += _fault_of(lambda: refuse_without_wall(target, strongest_wall(server_programs(major))))
    if conf.rehearse == "clone" and clone is not None and clone.fault is not None:
        faults.append(clone.fault)
    return faults


def way_lines(target: str, major: int, clone: CloneWay | None) -> tuple[str, ...]:
    """For a backup and each kind of rehearsal whether this worker can make it, and what it lacks, in a sentence each."""
    try:
        programs = client_programs(major)
        dump = f"yes, by pg_dump {programs.major}.{programs.minor} in {programs.bindir}"
    except PgDeployError as error:
        dump = f"no: {error}"
    try:
        server = server_programs(major)
        wall = strongest_wall(server)
        refuse_without_wall(target, wall)
        full = f"yes, by PostgreSQL {server.major}.{server.minor} in {server.bindir}, wall: {wall.name}"
    except PgDeployError as error:
        full = f"no: {error}"
    lines = [f"a backup on this worker: {dump}", f"rehearse: full on this worker: {full}"]
    if clone is not None:
        lines.append(f"rehearse: clone: {f'no: {clone.fault}' if clone.fault else clone.sentence}")
    return tuple(lines)


def wall_lines(major: int) -> tuple[str, ...]:
    """What would stand between a copy of the target and this worker, as a sentence; empty if this worker can make no copy."""
    try:
        return (f"between a copy of the target and this worker: {strongest_wall(server_programs(major)).sentence}",)
    except PgDeployError:
        return ()


def readiness_doubts(connection: Connection, conf: DeployConf, migrations: Sequence[Migration]) -> list[str]:
    """What does not stop backup or rehearsal now, but may make them fail later; one sentence each. Sends no query."""
    if not migrations or not reads_all_rows(conf):
        return []
    version = connection.info.server_version
    used = {client_programs(version // 10000)}
    if conf.rehearse == "full":
        used.add(server_programs(version // 10000))
    return sorted(sentence for programs in used if (sentence := programs.why_too_old(version)))


def _fault_of(attempt: Callable[[], object]) -> list[PgDeployError]:
    try:
        attempt()
    except PgDeployError as error:
        return [error]
    return []
