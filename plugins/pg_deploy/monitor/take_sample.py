"""Taking a sample: all that SQL can see is measured in one pass over one connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger import schema
from pg_deploy.monitor import identity, samples
from pg_deploy.monitor.access_drift import MEASURE as DRIFT
from pg_deploy.monitor.access_drift import measure_access_drift
from pg_deploy.monitor.calls import remember_calls
from pg_deploy.monitor.cron_measures import FAILURES, HISTORY
from pg_deploy.monitor.known_jobs_and_views import as_json, from_json
from pg_deploy.monitor.lints import MEASURE as LINTS
from pg_deploy.monitor.lints import measure_lints
from pg_deploy.monitor.measures import Measured, Row, explain_error, measure_files, monitor_session, run_measure
from pg_deploy.monitor.predictions import MEASURE as PREDICTIONS
from pg_deploy.monitor.predictions import measure_predictions
from pg_deploy.monitor.query_measures import HEALTH, NEW_VIEWS, SLOW, TOP, measure_statements
from pg_deploy.monitor.samples import EndedDeployment, Sample
from pg_deploy.monitor.thresholds import Thresholds
from pg_deploy.monitor.views import MEASURE as VIEWS
from pg_deploy.monitor.views import look_at_views, read_views
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

DEPLOYED = "deployed"
DROPPED = "dropped_by_hand"


def take_sample(
    target: Target,
    thresholds: Thresholds,
    airflow_run: str,
    log: logging.Logger,
    *,
    project: Path | None = None,
    now: datetime | None = None,
) -> int:
    """Measure the target, and keep that as the sample of that run. Returns the sample's id. Makes the ledger if there is none.

    `project` is as in `own_files`. Views and jobs are judged as of `now`, by default the server's time.
    Changes nothing but the ledger. Raises ConnectionFailedError if the target cannot be reached.
    """
    began = time.monotonic()
    with target.session("monitor ledger") as connection:
        schema.ensure(connection)
    with monitor_session(target) as connection:
        # First of all, so that a run that is tried again is compared with the run before it, and not with its own first try.
        sample = samples.begin_sample(connection, airflow_run)
        identified_by, same_database = identity.compare_identity(connection)
        before = {} if same_database.rows else samples.read_newest_rows(connection)
        identity.keep_identity(connection, sample, identified_by)
        if same_database.rows:
            samples.put_memory(connection, sample, samples.VIEWS_MEMORY, {"anew": True})
        measured = [same_database]
        measured += [run_measure(connection, file, before.get(file.stem, ())) for file in measure_files(project)]
        measured += _guarded(
            connection, (VIEWS, FAILURES, HISTORY), lambda: _look_at_views(connection, sample, thresholds, now=now)
        )
        measured += _guarded(connection, (DRIFT,), lambda: [measure_access_drift(connection)])
        measured += _guarded(connection, (LINTS,), lambda: [measure_lints(connection, before.get(LINTS), project)])
        deployed = samples.read_last_deployment(connection)
        deployed_objects = _guarded(
            connection, (DEPLOYED,), lambda: [_measure_deployed(connection, deployed, before.get(DEPLOYED, ()))]
        )
        measured += deployed_objects
        remember_calls(connection, sample)
        measured += _guarded(
            connection,
            (SLOW, TOP, HEALTH),
            lambda: measure_statements(
                connection,
                sample,
                thresholds.statements,
                slow_before=before.get(SLOW, ()),
                deployed=deployed,
                deployed_views=[
                    row.object
                    for one in deployed_objects
                    for row in one.rows
                    if row.detail["kind"] == "materialized view"
                ],
                dropped=[row for one in measured if one.measure == DROPPED for row in one.rows],
                views_before=before.get(NEW_VIEWS, ()),
                # A wait that the last look saw ended after that look, and so in this window.
                lock_waits=[
                    *(row for one in measured if one.measure == "lock_waits" for row in one.rows),
                    *before.get("lock_waits", ()),
                ],
            ),
        )
        measured += _guarded(
            connection, (PREDICTIONS,), lambda: measure_predictions(connection, sample, thresholds, deployed)
        )
        samples.put_measures(connection, sample, measured)
        samples.remove_old(connection, thresholds.retention)
    for one in measured:
        if one.problem:
            (log.error if one.failed else log.info)("%s: %s", one.measure, one.problem)
    log.info("%d measures in %s", len(measured), format_duration(time.monotonic() - began))
    return sample.id


def look_again_at_views(
    target: Target, thresholds: Thresholds, sample_id: int, refreshed: dict[str, str]
) -> tuple[str, ...]:
    """Measure the views again after a refresh, into the same sample. Returns the names of those that are still stale."""
    with monitor_session(target) as connection:
        sample, _ = samples.read_sample(connection, sample_id)
        measured = _look_at_views(connection, sample, thresholds, refreshed)
        samples.put_measures(connection, sample, measured)
    return tuple(row.object for row in measured[0].rows if row.detail.get("stale"))


def read_stale_views(target: Target, sample_id: int) -> tuple[str, ...]:
    """The names of the views that the sample saw as stale, and that no job or other session was refreshing. Reads only."""
    with monitor_session(target) as connection:
        _, measured = samples.read_sample(connection, sample_id)
    rows = next((one.rows for one in measured if one.measure == VIEWS), ())
    return tuple(row.object for row in rows if row.detail.get("stale") and not row.detail.get("at_work"))


def _look_at_views(
    connection: Connection,
    sample: Sample,
    thresholds: Thresholds,
    refreshed: dict[str, str] | None = None,
    *,
    now: datetime | None = None,
) -> list[Measured]:
    memory = from_json(samples.read_memory(connection, samples.VIEWS_MEMORY))
    look = look_at_views(connection, thresholds.views, memory, refreshed=refreshed, now=now)
    samples.put_memory(connection, sample, samples.VIEWS_MEMORY, as_json(look.memory))
    return list(look.measured)


def add_to_sample(target: Target, sample_id: int, measured: list[Measured]) -> None:
    """Keep in the sample what was measured outside the database. Commits once."""
    with monitor_session(target) as connection:
        sample, _ = samples.read_sample(connection, sample_id)
        samples.put_measures(connection, sample, measured)


def read_view_names(target: Target) -> tuple[str, ...]:
    """The names of all materialized views. Makes the ledger if there is none, else reads only."""
    with target.session("monitor ledger") as connection:
        schema.ensure(connection)
    with monitor_session(target) as connection:
        return tuple(view.name for view in read_views(connection))


def _guarded(connection: Connection, measures: Sequence[str], step: Callable[[], list[Measured]]) -> list[Measured]:
    """What a step measured. If it fails, only its own measures have a problem, and their alerts stay as they are.

    Raises only if the connection is lost.
    """
    try:
        return step()
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return [explain_error(measure, error) for measure in measures]


def _measure_deployed(connection: Connection, deployed: EndedDeployment | None, before: Sequence[Row]) -> Measured:
    """The indexes and views that the newest deployment made, and how often each index was scanned since.

    Scans before the first look at an index are not counted: they came from the deployment's own checks and benchmarks.
    """
    if deployed is None:
        return Measured(DEPLOYED)
    known = {row.object: row.detail.get("own") for row in before if row.detail.get("deployment") == deployed.id}
    with connection.cursor(row_factory=dict_row) as cursor:
        new_objects = cursor.execute(engine_sql("monitor/watch/deployed"), {"deployment": deployed.id}).fetchall()
    rows = []
    for one in new_objects:
        name, scans = str(one["identity"]), one["scans"]
        # The detail keeps as "own" how many scans the first look found.
        own = None if scans is None else min(known.get(name) or (scans if name not in known else 0), scans)
        detail = {"kind": one["kind"], "valid": one["valid"], "deployment": deployed.id, "own": own}
        rows.append(Row(name, None if scans is None else float(scans - own), "scans", detail))
    return Measured(DEPLOYED, tuple(rows))
