"""Preflight: print the state before, refuse what cannot work, take the target and pin what this run deploys."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pg_deploy import history, planning
from pg_deploy.conf import DeployConf
from pg_deploy.errors import (
    FolderChangedError,
    InvalidMigrationsError,
    MissingRightsError,
    PgDeployError,
    PreflightError,
    TargetBusyError,
)
from pg_deploy.folder import stamp
from pg_deploy.index_estimate import disk_needed, index_estimates
from pg_deploy.ledger import deployment, plan, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.guard import Ownership
from pg_deploy.migration import Migration, MigrationFile, load_all, read_folder
from pg_deploy.plan_text import plan_lines
from pg_deploy.planning import Plan, Standing
from pg_deploy.pooler import refuse_transaction_pooler
from pg_deploy.rights import missing_rights
from pg_deploy.server_judgement import describe, refusals, warnings
from pg_deploy.server_state import ServerState, read_server_state
from pg_deploy.session import Connection, Target, host_and_port
from pg_deploy.syntax import in_file


@dataclass(frozen=True)
class Identity:
    """Which Airflow run asks, and who triggered it."""

    dag_id: str
    airflow_run: str
    actor: str


@dataclass(frozen=True)
class Prepared:
    """What preflight hands on: the ownership (none in a dry run), and how many migrations are pinned."""

    ownership: Ownership | None
    pinned: int


def preflight(
    target: Target, conf: DeployConf, folder: Path, identity: Identity, *, good_for: float, log: logging.Logger
) -> Prepared:
    """Check everything that can be checked before anything is touched, then claim the target and pin the set.

    A dry run stops before the claim: its session is read only, and no ledger is made. Raises PreflightError naming all
    faults at once, TargetBusyError after conf.give_up_after, or the error of an unreachable target.
    """
    files = _read_files(conf, folder)
    refuse_transaction_pooler(
        lambda: target.connect_plain("preflight"), host=host_and_port(target)[0], port=host_and_port(target)[1]
    )
    with target.session("preflight") as connection:
        state = read_server_state(connection)
        connection.execute("set default_transaction_read_only = on")
        found = _plan(connection, files, conf)
        migrations = _judge(connection, state, found, log)
        _print_plan(found, migrations, log)
    if conf.dry_run:
        log.info("dry run: nothing was changed, no ledger was made, nothing is pinned")
        return Prepared(None, 0)
    with target.session("preflight") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        claim = Claim(
            identity.dag_id,
            identity.airflow_run,
            identity.actor,
            conf.model_dump(mode="json"),
            stamp(folder),
            tuple(file.version for file in files),
        )
        held = _claim(connection, claim, good_for=good_for, give_up_after=conf.give_up_after, log=log)
        try:
            # Another run may have worked while this one waited: what counts is what is pending now.
            now = _plan(connection, files, conf)
            if now.faults:
                raise PreflightError(now.faults)
            pinned = load_all(now.chosen)
            plan.pin(connection, held.id, pinned)
        except BaseException:
            deployment.close(connection, held.id, held.fence, "failed")
            raise
    log.info("deployment %d holds the target, %d migrations pinned", held.id, len(pinned))
    return Prepared(Ownership(held.id, held.fence, good_for), len(pinned))


def _read_files(conf: DeployConf, folder: Path) -> tuple[MigrationFile, ...]:
    found = stamp(folder)
    if conf.migrations_folder is not None and conf.migrations_folder != found:
        raise FolderChangedError(conf.migrations_folder, found)
    return read_folder(folder)


def _plan(connection: Connection, files: Sequence[MigrationFile], conf: DeployConf) -> Plan:
    state = planning.read_state(connection, [file.version for file in files])
    return planning.make_plan(files, state, wanted=conf.migrations, out_of_order=conf.out_of_order)


def _judge(connection: Connection, state: ServerState, found: Plan, log: logging.Logger) -> tuple[Migration, ...]:
    """Every fault of files, plan and server at once; logs the state before."""
    _print_state(state, found, log)
    faults: list[PgDeployError] = list(found.faults)
    migrations: tuple[Migration, ...] = ()
    try:
        migrations = load_all(found.chosen)
    except InvalidMigrationsError as several:
        faults += several.faults
    statements = [each for m in migrations for each in in_file(m.file.path.name, m.statements)]
    made = {name.name for m in migrations for s in m.statements for name in s.creates if name.kind == "extension"}
    required = {name for migration in migrations for name in migration.manifest.requires_extensions}
    faults += refusals(state, required_extensions=sorted(required - made))
    lacking = missing_rights(connection, statements)
    if lacking:
        faults.append(MissingRightsError(role=state.role, sentences=tuple(each.sentence for each in lacking)))
    if faults:
        raise PreflightError(faults)
    estimates = index_estimates(connection, statements)
    for estimate in estimates:
        log.info("%s", estimate.sentence)
    if estimates:
        log.info("%s", disk_needed(estimates))
    return migrations


def _print_state(state: ServerState, found: Plan, log: logging.Logger) -> None:
    log.info("::group::the target before")
    for line in describe(state):
        log.info("%s", line)
    log.info("::endgroup::")
    for line in warnings(state):
        log.warning("%s", line)
    counts = {standing: 0 for standing in Standing}
    for standing in found.standings.values():
        counts[standing] += 1
    for standing, count in counts.items():
        if count:
            log.info("%d %s", count, standing.value)


def _print_plan(found: Plan, migrations: Sequence[Migration], log: logging.Logger) -> None:
    for version, standing in found.standings.items():
        if standing is Standing.ELSEWHERE:
            log.info("%s was applied elsewhere, not verified by us", version)
    if not migrations:
        log.info("nothing is pending")
    for migration in migrations:
        log.info("::group::plan of %s", migration.stem)
        for line in plan_lines(migration):
            log.info("%s", line)
        log.info("::endgroup::")
    for file in found.left_out:
        log.info("%s is pending and was not chosen; later it needs out_of_order if a newer one is applied", file.stem)


def _claim(
    connection: Connection, wanted: Claim, *, good_for: float, give_up_after: float, log: logging.Logger
) -> deployment.Deployment:
    started = time.monotonic()
    said = -60.0
    while True:
        try:
            return deployment.claim(connection, wanted, good_for=good_for)
        except TargetBusyError as busy:
            waited = time.monotonic() - started
            if waited >= give_up_after:
                raise
            if waited - said >= 10:
                log.info(
                    "run %s holds the target, in phase %s: waiting, for %.0f s so far",
                    busy.airflow_run,
                    busy.phase,
                    waited,
                )
                said = waited
            time.sleep(1)
