"""Taking a sample: everything that SQL can see, in one pass over one connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger import schema
from pg_deploy.monitor import identity, samples
from pg_deploy.monitor.access_drift import MEASURE as DRIFT
from pg_deploy.monitor.access_drift import measure_access_drift
from pg_deploy.monitor.cron_measures import FAILURES, HISTORY
from pg_deploy.monitor.lints import MEASURE as LINTS
from pg_deploy.monitor.lints import measure_lints
from pg_deploy.monitor.measures import Measured, Row, measure_files, monitor_session, run_measure, told
from pg_deploy.monitor.query_measures import HEALTH, NEW_VIEWS, SLOW, TOP, measure_statements
from pg_deploy.monitor.remembered import as_json, from_json
from pg_deploy.monitor.samples import Deployed, Sample
from pg_deploy.monitor.thresholds import Thresholds
from pg_deploy.monitor.views import MEASURE as VIEWS
from pg_deploy.monitor.views import look_at_views, read_views
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

DEPLOYED = "deployed"
GONE = "dropped_by_hand"


def take_sample(
    target: Target, thresholds: Thresholds, airflow_run: str, log: logging.Logger, *, now: datetime | None = None
) -> int:
    """Measure the target and keep it; the sample's id. Makes the ledger where there is none.

    Views and jobs are judged as of `now`, the server's clock unless given.
    Never changes anything but the ledger. Raises ConnectionFailedError when the target cannot be reached.
    """
    began = time.monotonic()
    with target.session("monitor ledger") as connection:
        schema.ensure(connection)
    with monitor_session(target) as connection:
        known_by, same = identity.is_another(connection)
        before = {} if same.rows else samples.before(connection)
        sample = samples.begin(connection, airflow_run)
        identity.keep(connection, sample, known_by)
        if same.rows:
            samples.put_memory(connection, sample, samples.VIEWS_MEMORY, {"anew": True})
        measured = [same]
        measured += [run_measure(connection, file, before.get(file.stem, ())) for file in measure_files()]
        measured += _guarded(
            connection, (VIEWS, FAILURES, HISTORY), lambda: _look_at_views(connection, sample, thresholds, now=now)
        )
        measured += _guarded(connection, (DRIFT,), lambda: [measure_access_drift(connection)])
        measured += _guarded(connection, (LINTS,), lambda: [measure_lints(connection, before.get(LINTS))])
        deployed = samples.last_deployment(connection)
        brought = _guarded(connection, (DEPLOYED,), lambda: [_deployed(connection, deployed, before.get(DEPLOYED, ()))])
        measured += brought
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
                    row.object for one in brought for row in one.rows if row.detail["kind"] == "materialized view"
                ],
                gone=[row for one in measured if one.measure == GONE for row in one.rows],
                views_before=before.get(NEW_VIEWS, ()),
                # What was seen to wait at the last look has ended in this window.
                lock_waits=[
                    *(row for one in measured if one.measure == "lock_waits" for row in one.rows),
                    *before.get("lock_waits", ()),
                ],
            ),
        )
        samples.put(connection, sample, measured)
        samples.tidy(connection, thresholds.retention)
    for one in measured:
        if one.problem:
            (log.error if one.failed else log.info)("%s: %s", one.measure, one.problem)
    log.info("%d measures in %s", len(measured), format_duration(time.monotonic() - began))
    return sample.id


def look_again_at_views(
    target: Target, thresholds: Thresholds, sample_id: int, refreshed: dict[str, str]
) -> tuple[str, ...]:
    """Measure the views once more after a refresh, in the same sample; those that are still stale. Commits once."""
    with monitor_session(target) as connection:
        sample, _ = samples.load(connection, sample_id)
        measured = _look_at_views(connection, sample, thresholds, refreshed)
        samples.put(connection, sample, measured)
    return tuple(row.object for row in measured[0].rows if row.detail.get("stale"))


def stale_views(target: Target, sample_id: int) -> tuple[str, ...]:
    """The views that the sample saw as stale, that no live job and no other session works on. Reads only."""
    with monitor_session(target) as connection:
        _, measured = samples.load(connection, sample_id)
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
    looked = look_at_views(connection, thresholds.views, memory, refreshed=refreshed, now=now)
    samples.put_memory(connection, sample, samples.VIEWS_MEMORY, as_json(looked.memory))
    return list(looked.measured)


def add(target: Target, sample_id: int, measured: list[Measured]) -> None:
    """Keep what was measured elsewhere in the sample. Commits once."""
    with monitor_session(target) as connection:
        sample, _ = samples.load(connection, sample_id)
        samples.put(connection, sample, measured)


def all_views(target: Target) -> tuple[str, ...]:
    """The names of all materialized views. Reads only; makes the ledger where there is none."""
    with target.session("monitor ledger") as connection:
        schema.ensure(connection)
    with monitor_session(target) as connection:
        return tuple(view.name for view in read_views(connection))


def _guarded(connection: Connection, measures: Sequence[str], step: Callable[[], list[Measured]]) -> list[Measured]:
    """What a step measured; what it trips over costs its own measures, not all: their alerts stay as they are."""
    try:
        return step()
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return [told(measure, error) for measure in measures]


def _deployed(connection: Connection, deployed: Deployed | None, before: Sequence[Row]) -> Measured:
    """What the newest deployment brought: its indexes with their scans since, and its views.

    The scans of the first look after it are the deployment's own checks and benchmarks: they do not count.
    """
    if deployed is None:
        return Measured(DEPLOYED)
    known = {row.object: row.detail.get("own") for row in before if row.detail.get("deployment") == deployed.id}
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(engine_sql("monitor/watch/deployed"), {"deployment": deployed.id}).fetchall()
    rows = []
    for one in found:
        name, scans = str(one["identity"]), one["scans"]
        own = None if scans is None else min(known.get(name) or (scans if name not in known else 0), scans)
        detail = {"kind": one["kind"], "valid": one["valid"], "deployment": deployed.id, "own": own}
        rows.append(Row(name, None if scans is None else float(scans - own), "scans", detail))
    return Measured(DEPLOYED, tuple(rows))
