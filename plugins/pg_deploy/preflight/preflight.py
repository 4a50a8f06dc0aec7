"""Preflight: print the state before, refuse what cannot work, take the target and pin what this run deploys."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path

from pg_deploy.backup.readiness import doubts, dumps, not_ready, wall_lines
from pg_deploy.configuration.conf import DeployConf
from pg_deploy.errors import EditedAfterDeploymentError, PgDeployError, PreflightError
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.errors import SealedError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.criteria import pin_criteria
from pg_deploy.ledger.kinds.run import PassedOver
from pg_deploy.ledger.sealing import how_kept
from pg_deploy.migrations.errors import DuplicateVersionError
from pg_deploy.migrations.folder import stamp
from pg_deploy.migrations.migration import Folder, Migration, MigrationFile, load, load_usable, repeated, scan_folder
from pg_deploy.migrations.project_criteria import FILE, ProjectCriteria, read_criteria, unknown_criteria
from pg_deploy.parsing.bulk import brief
from pg_deploy.parsing.syntax import in_file
from pg_deploy.parsing.tree import unquoted
from pg_deploy.postgres.pooler import refuse_pooler_before
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight import standings
from pg_deploy.preflight.claiming import Identity, claimed
from pg_deploy.preflight.drift import drift_lines, read_drift, record_drift
from pg_deploy.preflight.errors import FolderChangedError, MissingRightsError
from pg_deploy.preflight.lock_finding import LockFinding
from pg_deploy.preflight.lock_lint import lock_lint_lines
from pg_deploy.preflight.plan_text import passed_over_line, plan_lines
from pg_deploy.preflight.readers_elsewhere import elsewhere_findings
from pg_deploy.preflight.rights.missing import missing_rights
from pg_deploy.preflight.server.committing_calls import calls_that_commit
from pg_deploy.preflight.server.index_estimate import disk_needed, index_estimates
from pg_deploy.preflight.server.judgement import describe, refusals, warnings
from pg_deploy.preflight.server.state import ServerState, read_server_state
from pg_deploy.preflight.standings import Plan, Standing
from pg_deploy.presentation.secrecy import without_secrets

_LINES_SHOWN = 12


@dataclass(frozen=True)
class Prepared:
    """What preflight hands on: the ownership (none in a dry run), and how many migrations are pinned."""

    ownership: Ownership | None
    pinned: int


def preflight(
    target: Target,
    conf: DeployConf,
    folder: Path,
    identity: Identity,
    *,
    good_for: float,
    log: logging.Logger,
    measure_before: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Check everything that can be checked before anything is touched, then claim the target and pin the set.

    A dry run stops before the claim: its session is read only, and no ledger is made. Raises PreflightError naming all
    faults at once, TargetBusyError after conf.give_up_after, or the error of an unreachable target. `measure_before` is called
    with the deployment's id once the target is held and something is pinned: nothing has changed yet.
    """
    files, criteria = _with_criteria(read_stamped(folder, conf.migrations_folder), folder, log)
    with beside(files.faults):
        refuse_pooler_before(target, "preflight")
    with beside(files.faults), target.session("preflight") as connection:
        state = read_server_state(connection)
        connection.execute("set default_transaction_read_only = on")
        found = _plan(connection, files, conf)
        drift = read_drift(connection)
        migrations = _judge(connection, target.name, state, found, criteria, conf, log)
        for line in drift_lines(drift):
            log.warning("%s", line)
        _print_plan(found, migrations, state.version_num, elsewhere_findings(connection, migrations), log)
    if conf.dry_run:
        log.info("dry run: nothing was changed, no ledger was made, nothing is pinned")
        return Prepared(None, 0)
    with claimed(
        target,
        identity,
        conf,
        folder=stamp(folder),
        versions=(file.version for file in files.files),
        purpose="preflight",
        good_for=good_for,
        log=log,
    ) as (connection, held):
        # Another run may have worked while this one waited: what counts is what is pending now.
        now = _plan(connection, files, conf)
        if now.faults:
            raise PreflightError(now.faults)
        # Read once: of years of migrations the parsing is what takes the time.
        known = {each.file: each for each in migrations}
        pinned = tuple(known.get(file) or load(file) for file in now.chosen)
        pins.pin(connection, held.id, pinned)
        if criteria is not None and criteria.is_about([each.version for each in pinned]):
            pin_criteria(connection, held.id, criteria)
        record_drift(connection, held.id, drift)
        if now.passed_over:
            evidence.record(connection, held.id, Kind.PASSED_OVER, PassedOver(tuple(now.passed_over)))
        if pinned:
            measure_before(held.id)
    log.info("deployment %d holds the target, %d migrations pinned", held.id, len(pinned))
    return Prepared(Ownership(held.id, held.fence, good_for), len(pinned))


def read_stamped(directory: Path, expected: str | None) -> Folder:
    """The folder, which must be the one that the form showed, where it showed one. Raises FolderChangedError."""
    found = stamp(directory)
    if expected is not None and expected != found:
        raise FolderChangedError(expected, found)
    return scan_folder(directory)


def _with_criteria(files: Folder, directory: Path, log: logging.Logger) -> tuple[Folder, ProjectCriteria | None]:
    """What the project's own file states; what is wrong with that file counts as a fault of the folder."""
    try:
        criteria = read_criteria(directory, files.versions)
    except PgDeployError as fault:
        return replace(files, faults=(*files.faults, fault)), None
    if criteria is None or criteria.is_about(files.versions):
        return files, criteria
    log.info("%s is about none of the migrations of this folder: nothing is judged by it", FILE)
    return files, None


@contextmanager
def beside(faults: Sequence[PgDeployError]) -> Iterator[None]:
    """An unusable target must not hide what is wrong with the files: both are told at once."""
    try:
        yield
    except PreflightError:
        raise
    except PgDeployError as error:
        if not faults:
            raise
        raise PreflightError([*faults, error]) from error


def _with_lines(
    fault: PgDeployError, connection: Connection, files: Sequence[MigrationFile], state: standings.State
) -> PgDeployError:
    """Of an edited file the lines that differ, as far as its deployed text can be read."""
    if not isinstance(fault, EditedAfterDeploymentError):
        return fault
    file = next(each for each in files if each.stem == fault.stem)
    attempt = state.attempts[file.version]
    try:
        deployed = pins.pinned_version(connection, attempt.deployment_id, file.version)
    except SealedError:
        return fault
    if deployed is None:
        return fault
    lines = list(unified_diff(deployed.sql.splitlines(), file.sql.splitlines(), n=0, lineterm=""))[2:]
    told = [without_secrets(line[:200]) for line in lines if not line.startswith("@@")]
    more = [f"and {len(told) - _LINES_SHOWN} more lines"] if len(told) > _LINES_SHOWN else []
    return EditedAfterDeploymentError(fault.stem, [*told[:_LINES_SHOWN], *more])


def _with_history(fault: PgDeployError, state: standings.State) -> PgDeployError:
    """Of files that share a version the one that the history means keeps it: another would count as applied."""
    if not isinstance(fault, DuplicateVersionError) or fault.version not in state.history:
        return fault
    return repeated(fault.version, fault.files, fault.taken, applied=state.history[fault.version].name or "")


def _plan(connection: Connection, files: Folder, conf: DeployConf) -> Plan:
    state = standings.read_state(connection, files.versions)
    found = standings.make_plan(
        files.files, state, wanted=conf.migrations, out_of_order=conf.out_of_order, faulty=files.faulty
    )
    judged, settled = files.judged(state.elsewhere)
    faults = [_with_history(fault, state) for fault in judged]
    edited = [_with_lines(fault, connection, files.files, state) for fault in found.faults]
    return replace(found, faults=(*faults, *edited), settled=(*settled, *found.settled), passed_over=files.passed_over)


def _judge(
    connection: Connection,
    target: str,
    state: ServerState,
    found: Plan,
    criteria: ProjectCriteria | None,
    conf: DeployConf,
    log: logging.Logger,
) -> tuple[Migration, ...]:
    """Every fault of files, plan and server at once; logs the state before."""
    _print_state(state, found, log)
    migrations, unusable = load_usable(found.chosen)
    faults: list[PgDeployError] = [*found.faults, *unusable]
    if criteria is not None:
        faults += unknown_criteria(criteria, migrations)
    elif named := [each.stem for each in migrations if each.manifest.criteria]:
        log.warning(
            "%s: migration.yaml says what proves success criteria, and no %s states any", ", ".join(named), FILE
        )
    statements = [each for m in migrations for each in in_file(m.file.path.name, m.statements)]
    faults += refusals(
        state,
        required_extensions=_extensions_to_find(migrations, state, all_known=not faults),
        must_read_everything=bool(migrations) and dumps(conf),
    )
    faults += not_ready(connection, target, conf, migrations)
    if migrations and conf.rehearse == "full":
        for line in wall_lines(state.version_num // 10000):
            log.info("%s", line)
    faults += calls_that_commit(connection, migrations)
    lacking = missing_rights(connection, statements)
    if lacking:
        faults.append(MissingRightsError(role=state.role, sentences=tuple(each.sentence for each in lacking)))
    if faults:
        raise PreflightError(faults)
    for doubt in doubts(connection, conf, migrations):
        log.warning("%s", doubt)
    estimates = index_estimates(connection, statements)
    for estimate in estimates:
        log.info("%s", estimate.sentence)
    if estimates:
        log.info("%s", disk_needed(estimates))
    return migrations


def _extensions_to_find(migrations: Sequence[Migration], state: ServerState, *, all_known: bool) -> list[str]:
    """What must be there before: not what an earlier one of these migrations creates, if the server can create it.

    Unless they are `all_known`, an unusable file may be the one that creates it.
    """
    made: set[str] = set()
    found: list[str] = []
    for migration in migrations:
        created = {unquoted(each.name) for s in migration.statements for each in s.creates if each.kind == "extension"}
        made |= created
        found += [name for name in migration.manifest.requires_extensions if name not in made]
        found += sorted(created - set(state.extensions_available))
    return [name for name in found if all_known or name not in state.extensions_available]


def _print_state(state: ServerState, found: Plan, log: logging.Logger) -> None:
    if found.passed_over:
        log.warning("%s", passed_over_line(found.passed_over))
    log.info("::group::the target before")
    for line in describe(state):
        log.info("%s", line)
    log.info("::endgroup::")
    for line in (*warnings(state), *found.settled):
        log.warning("%s", line)
    counts = {standing: 0 for standing in Standing}
    for standing in found.standings.values():
        counts[standing] += 1
    for standing, count in counts.items():
        if count:
            log.info("%d %s", count, standing.value)


def _print_plan(
    found: Plan,
    migrations: Sequence[Migration],
    version_num: int,
    elsewhere: Mapping[str, Sequence[LockFinding]],
    log: logging.Logger,
) -> None:
    applied = [version for version, standing in found.standings.items() if standing is Standing.ELSEWHERE]
    if applied:
        log.info("::group::applied applied, not verified by us")
        for version in applied:
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
        if said := how_kept(migration.file.sql, migration.rollback or ""):
            log.warning("  %s", said)
        log.info("::endgroup::")
    for file in found.left_out:
        log.info("%s is pending and was not chosen; later it needs out_of_order if a newer one is applied", file.stem)
