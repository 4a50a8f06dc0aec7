"""Preflight: print the state before, refuse what cannot work, claim the target and pin the migrations of this run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path

from pg_deploy.backup.readiness import (
    CloneWay,
    readiness_doubts,
    readiness_faults,
    reads_all_rows,
    wall_lines,
    way_lines,
)
from pg_deploy.configuration.conf import DeployConf
from pg_deploy.configuration.dag_names import names_beside
from pg_deploy.errors import EditedAfterDeploymentError, PgDeployError, PreflightError
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.errors import SealedError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.criteria import pin_criteria
from pg_deploy.ledger.kinds.run import PassedOver, record_commit
from pg_deploy.ledger.sealing import how_kept
from pg_deploy.migrations.errors import DuplicateVersionError
from pg_deploy.migrations.folder import stamp
from pg_deploy.migrations.migration import (
    Folder,
    Migration,
    MigrationFile,
    duplicate_version_fault,
    load,
    load_usable,
    scan_folder,
    touching_ledgers,
)
from pg_deploy.migrations.project_criteria import FILE, ProjectCriteria, read_criteria, unknown_criteria
from pg_deploy.parsing.brief_text import brief
from pg_deploy.parsing.syntax import in_file
from pg_deploy.parsing.tree import unquoted
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER, ledger_schemas
from pg_deploy.postgres.pooler import refuse_pooler_before
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight import migration_standings
from pg_deploy.preflight.claiming import Identity, claimed_target
from pg_deploy.preflight.declared_breaks import log_declared_breaks
from pg_deploy.preflight.drift import drift_lines, read_drift, record_drift
from pg_deploy.preflight.earlier_tools import log_origin, read_origin
from pg_deploy.preflight.errors import FolderChangedError, MissingRightsError
from pg_deploy.preflight.lock_finding import LockFinding
from pg_deploy.preflight.lock_lint import lock_lint_lines
from pg_deploy.preflight.migration_standings import Plan, Standing
from pg_deploy.preflight.plan_text import passed_over_line, plan_lines
from pg_deploy.preflight.readers_elsewhere import elsewhere_findings
from pg_deploy.preflight.rights.missing import missing_rights
from pg_deploy.preflight.server.committing_calls import calls_that_commit
from pg_deploy.preflight.server.index_estimate import disk_needed, index_estimates
from pg_deploy.preflight.server.judgement import describe, refusals, warnings
from pg_deploy.preflight.server.state import ServerState, read_server_state
from pg_deploy.presentation.secrecy import without_secrets

_LINES_SHOWN = 12


@dataclass(frozen=True)
class Prepared:
    """What preflight hands to the next tasks: the ownership (None in a dry run), and how many migrations are pinned."""

    ownership: Ownership | None
    pinned: int


def preflight(
    target: Target,
    conf: DeployConf,
    folder: Path,
    identity: Identity,
    *,
    label: str | None = None,
    good_for: float,
    log: logging.Logger,
    measure_before: Callable[[int], None] = lambda _: None,
    clone: CloneWay | None = None,
) -> Prepared:
    """Check everything that can be checked before anything is touched, then claim the target and pin the migrations.

    A dry run stops before the claim: its session is read-only, and no ledger is made. `measure_before` is called with the
    deployment's id once something is pinned; nothing has changed by then. `label` stands for the folder's path in its stamp.
    `clone` is the way to a clone, if there is one. Raises PreflightError, which names all faults, TargetBusyError after
    conf.give_up_after, or the error of an unreachable target.
    """
    files, criteria = _read_criteria(read_stamped(folder, conf.migrations_folder, label), folder, log)
    with with_file_faults(files.faults):
        refuse_pooler_before(target, "preflight")
    with with_file_faults(files.faults), target.session("preflight") as connection:
        state = read_server_state(connection)
        connection.execute("set default_transaction_read_only = on")
        log_origin(read_origin(connection), names_beside(identity.dag_id).baseline, log)
        plan = _make_plan(connection, files, conf)
        drift = read_drift(connection)
        migrations = _load_and_judge(connection, target.name, state, plan, criteria, conf, clone, log)
        for line in drift_lines(drift):
            log.warning("%s", line)
        if identity.commit:
            log.info("this run deploys commit %s, the one that it was triggered at", identity.commit)
        _print_plan(plan, migrations, state.version_num, elsewhere_findings(connection, migrations), log)
        log_declared_breaks(connection, migrations, target.ledger, log)
    if conf.dry_run:
        log.info("dry run: nothing was changed, no ledger was made, nothing is pinned")
        return Prepared(None, 0)
    with claimed_target(
        target,
        identity,
        conf,
        folder=stamp(folder, label),
        versions=(file.version for file in files.files),
        purpose="preflight",
        good_for=good_for,
        log=log,
    ) as (connection, held):
        # Another run may have deployed while this one waited, so the plan is made again.
        plan = _make_plan(connection, files, conf)
        if plan.faults:
            raise PreflightError(plan.faults)
        # What is loaded already is not loaded again: to parse years of migrations takes long.
        loaded = {migration.file: migration for migration in migrations}
        pinned = tuple(loaded.get(file) or load(file) for file in plan.chosen)
        pins.pin(connection, held.id, pinned)
        record_commit(connection, held.id, identity.commit)
        if criteria is not None and criteria.is_about([each.version for each in pinned]):
            pin_criteria(connection, held.id, criteria)
        record_drift(connection, held.id, drift)
        if plan.passed_over:
            evidence.record(connection, held.id, Kind.PASSED_OVER, PassedOver(tuple(plan.passed_over)))
        if pinned:
            measure_before(held.id)
    log.info("deployment %d holds the target, %d migrations pinned", held.id, len(pinned))
    return Prepared(Ownership(held.id, held.fence, good_for), len(pinned))


def read_stamped(directory: Path, expected: str | None, label: str | None = None) -> Folder:
    """The folder. If the form showed a stamp, the folder must still have it. Raises FolderChangedError."""
    present = stamp(directory, label)
    if expected is not None and expected != present:
        raise FolderChangedError(expected, present)
    return scan_folder(directory)


def _read_criteria(files: Folder, directory: Path, log: logging.Logger) -> tuple[Folder, ProjectCriteria | None]:
    """The folder, and what the project's own file of criteria states. A fault of that file is added to the folder's faults."""
    try:
        criteria = read_criteria(directory, files.versions)
    except PgDeployError as fault:
        return replace(files, faults=(*files.faults, fault)), None
    if criteria is None or criteria.is_about(files.versions):
        return files, criteria
    log.info("%s is about none of the migrations of this folder: nothing is judged by it", FILE)
    return files, None


@contextmanager
def with_file_faults(faults: Sequence[PgDeployError]) -> Iterator[None]:
    """If the block raises, report its error together with the files' `faults`: an unusable target must not hide these."""
    try:
        yield
    except PreflightError:
        raise
    except PgDeployError as error:
        if not faults:
            raise
        raise PreflightError([*faults, error]) from error


def _with_changed_lines(
    fault: PgDeployError, connection: Connection, files: Sequence[MigrationFile], state: migration_standings.State
) -> PgDeployError:
    """The fault of an edited file with the lines that differ, if its deployed text can be read. Other faults stay as they are."""
    if not isinstance(fault, EditedAfterDeploymentError):
        return fault
    file = next(file for file in files if file.stem == fault.stem)
    attempt = state.attempts[file.version]
    try:
        deployed = pins.pinned_version(connection, attempt.deployment_id, file.version)
    except SealedError:
        return fault
    if deployed is None:
        return fault
    diff = list(unified_diff(deployed.sql.splitlines(), file.sql.splitlines(), n=0, lineterm=""))[2:]
    lines = [without_secrets(line[:200]) for line in diff if not line.startswith("@@")]
    more = [f"and {len(lines) - _LINES_SHOWN} more lines"] if len(lines) > _LINES_SHOWN else []
    return EditedAfterDeploymentError(fault.stem, [*lines[:_LINES_SHOWN], *more])


def _with_applied_name(fault: PgDeployError, state: migration_standings.State) -> PgDeployError:
    """If files share a version that the history holds, the file that the history means keeps it: another would count as applied."""
    if not isinstance(fault, DuplicateVersionError) or fault.version not in state.history:
        return fault
    return duplicate_version_fault(
        fault.version, fault.files, fault.taken, applied=state.history[fault.version].name or ""
    )


def _make_plan(connection: Connection, files: Folder, conf: DeployConf) -> Plan:
    state = migration_standings.read_state(connection, files.versions)
    plan = migration_standings.make_plan(
        files.files, state, wanted=conf.migrations, out_of_order=conf.out_of_order, faulty=files.faulty
    )
    judged, settled = files.judged(state.elsewhere)
    faults = [_with_applied_name(fault, state) for fault in judged]
    faults += [_with_changed_lines(fault, connection, files.files, state) for fault in plan.faults]
    return replace(plan, faults=tuple(faults), settled=(*settled, *plan.settled), passed_over=files.passed_over)


def _load_and_judge(
    connection: Connection,
    target: str,
    state: ServerState,
    plan: Plan,
    criteria: ProjectCriteria | None,
    conf: DeployConf,
    clone: CloneWay | None,
    log: logging.Logger,
) -> tuple[Migration, ...]:
    """The chosen migrations, loaded; logs the state before. Raises PreflightError with every fault of files, plan and server."""
    _print_state(state, plan, log)
    migrations, unusable = load_usable(plan.chosen)
    faults: list[PgDeployError] = [*plan.faults, *unusable]
    ledgers = tuple(name for name in ledger_schemas(connection) if name != DEFAULT_LEDGER)
    faults += [fault for migration in migrations for fault in touching_ledgers(migration, ledgers)]
    if criteria is not None:
        faults += unknown_criteria(criteria, migrations)
    elif named := [migration.stem for migration in migrations if migration.manifest.criteria]:
        log.warning(
            "%s: migration.yaml says what proves success criteria, and no %s states any", ", ".join(named), FILE
        )
    statements = [
        statement for migration in migrations for statement in in_file(migration.file.path.name, migration.statements)
    ]
    faults += refusals(
        state,
        required_extensions=_extensions_needed_before(migrations, state, all_known=not faults),
        must_read_everything=bool(migrations) and reads_all_rows(conf),
    )
    faults += readiness_faults(connection, target, conf, migrations, clone)
    if migrations and clone is not None:
        for line in way_lines(target, state.version_num // 10000, clone):
            log.info("%s", line)
    if migrations and conf.rehearse == "full":
        for line in wall_lines(state.version_num // 10000):
            log.info("%s", line)
    faults += calls_that_commit(connection, migrations)
    lacking = missing_rights(connection, statements)
    if lacking:
        faults.append(MissingRightsError(role=state.role, sentences=tuple(each.sentence for each in lacking)))
    if faults:
        raise PreflightError(faults)
    for doubt in readiness_doubts(connection, conf, migrations):
        log.warning("%s", doubt)
    estimates = index_estimates(connection, statements)
    for estimate in estimates:
        log.info("%s", estimate.sentence)
    if estimates:
        log.info("%s", disk_needed(estimates))
    return migrations


def _extensions_needed_before(migrations: Sequence[Migration], state: ServerState, *, all_known: bool) -> list[str]:
    """The extensions that must exist before, because none of these migrations creates them first, or the server cannot.

    Unless the migrations are `all_known`, an unusable file may be the one that creates an extension.
    """
    made: set[str] = set()
    needed: list[str] = []
    for migration in migrations:
        created = {
            unquoted(created.name)
            for statement in migration.statements
            for created in statement.creates
            if created.kind == "extension"
        }
        made |= created
        needed += [name for name in migration.manifest.requires_extensions if name not in made]
        needed += sorted(created - set(state.extensions_available))
    return [name for name in needed if all_known or name not in state.extensions_available]


def _print_state(state: ServerState, plan: Plan, log: logging.Logger) -> None:
    if plan.passed_over:
        log.warning("%s", passed_over_line(plan.passed_over))
    log.info("::group::the target before")
    for line in describe(state):
        log.info("%s", line)
    log.info("::endgroup::")
    for line in (*warnings(state), *plan.settled):
        log.warning("%s", line)
    counts = Counter(plan.standings.values())
    for standing in Standing:
        if counts[standing]:
            log.info("%d %s", counts[standing], standing.value)


def _print_plan(
    plan: Plan,
    migrations: Sequence[Migration],
    version_num: int,
    elsewhere: Mapping[str, Sequence[LockFinding]],
    log: logging.Logger,
) -> None:
    applied_elsewhere = [version for version, standing in plan.standings.items() if standing is Standing.ELSEWHERE]
    if applied_elsewhere:
        log.info("::group::%s", Standing.ELSEWHERE.value)
        for version in applied_elsewhere:
            log.info("%s", version)
        log.info("::endgroup::")
    if not migrations:
        log.info("nothing is pending")
    lints = lock_lint_lines(
        [brief(migration.file.sql).text for migration in migrations],
        server_version=version_num,
        also=[elsewhere.get(migration.version, ()) for migration in migrations],
    )
    for migration, (lock_lint, _) in zip(migrations, lints, strict=True):
        log.info("::group::plan of %s", migration.stem)
        for line in plan_lines(migration, lock_lint):
            log.info("%s", line)
        if sentence := how_kept(migration.file.sql, migration.rollback or ""):
            log.warning("  %s", sentence)
        log.info("::endgroup::")
    for file in plan.left_out:
        log.info("%s is pending and was not chosen; later it needs out_of_order if a newer one is applied", file.stem)
