"""The figures of the charts: what the monitor measured. The database itself thins it out to what a screen can show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pg_deploy.configuration.dag_names import rolls_back
from pg_deploy.ledger.deployment import State
from pg_deploy.monitor.errors import ThresholdsError
from pg_deploy.monitor.thresholds import Thresholds, read_thresholds
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql, engine_text
from pg_deploy.ui.airflow_side import run_path
from pg_deploy.ui.projects import KnownProject

STEPS = 400
_MOST_LINES = 5

Points = dict[str, dict[float, float]]
"""The values of each object by moment, in seconds since 1970."""


@dataclass(frozen=True)
class _Row:
    at: float
    object: str
    highest: float
    lowest: float
    limit_s: float | None


def read_series(connection: Connection, project: KnownProject, hours: int) -> dict[str, Any]:
    """The charts of the last `hours`, and the deployments of that time. Reads only."""
    until = datetime.now(timezone.utc)
    since = until - timedelta(hours=hours)
    # A step is a whole number of minutes. The monitor looks every 15.
    step = max(60, math.ceil(hours * 3600 / STEPS / 60) * 60)
    given = {"since": since, "step": step, "measures": list(_MEASURES)}
    rows: dict[str, list[_Row]] = {}
    for measure, *values in connection.execute(engine_sql("ui/series"), given).fetchall():
        rows.setdefault(measure, []).append(_Row(float(values[0]), *values[1:]))
    slow = connection.execute(engine_sql("ui/slow_queries"), given).fetchall()
    limits = _limits(project)
    charts = [_slow_chart(slow)]
    for measure, (title, unit, points) in _MEASURES.items():
        limit = limits.of(measure)
        mark = 100.0 if measure == "view_freshness" else limit.above if limit.above is not None else limit.below
        charts.append(_chart(measure, title, unit, points(rows.get(measure, [])), mark))
    return {
        "since": since.timestamp(),
        "until": until.timestamp(),
        "charts": charts,
        "deployments": _deployments(connection, since),
    }


def tone_of_deployment(dag_id: str, state: str) -> str:
    """good, wait while it is running, or bad. A rollback is good if it rolled back."""
    if state == State.DEPLOYED or (rolls_back(dag_id) and state == State.ROLLED_BACK):
        return "good"
    return "wait" if state == State.RUNNING else "bad"


def _limits(project: KnownProject) -> Thresholds:
    try:
        return read_thresholds(project.thresholds, project=project.own_files)
    except ThresholdsError:
        # The monitor's own run is red for that, or this process cannot see the file. The charts are drawn without limits.
        return Thresholds()


def _points(values: Iterable[tuple[str, float, float]]) -> Points:
    """The points of objects, moments and values."""
    points: Points = {}
    for name, at, value in values:
        points.setdefault(name, {})[at] = value
    return points


def _highest(rows: Sequence[_Row]) -> Points:
    return _points((row.object, row.at, row.highest) for row in rows)


def _lowest(rows: Sequence[_Row]) -> Points:
    return _points((row.object, row.at, row.lowest) for row in rows)


def _percent_of_limit(rows: Sequence[_Row]) -> Points:
    """The ages in per cent of each view's limit, so that views of different schedules can share a chart."""
    return _points((row.object, row.at, 100 * row.highest / row.limit_s) for row in rows if row.limit_s)


def _scans_between(rows: Sequence[_Row]) -> Points:
    """How much each counter grew from step to step. After a reset of the statistics it begins at zero."""
    points: Points = {}
    last: dict[str, float] = {}
    for row in rows:
        before = last.get(row.object)
        if before is not None:
            grown = row.highest - before
            points.setdefault(row.object, {})[row.at] = grown if grown >= 0 else row.highest
        last[row.object] = row.highest
    return points


# The charts by measure: the title, the unit, and what makes the figures.
_MEASURES: Mapping[str, tuple[str, str, Callable[[Sequence[_Row]], Points]]] = {
    "view_freshness": ("Age of materialized views", "% of limit", _percent_of_limit),
    "deployed": ("Use of the last deployment's indexes", "scans", _scans_between),
    "connections": ("Connections in use", "% of max", _highest),
    "cache_hit_ratio": ("Cache hits", "%", _lowest),
    "api_latency": ("API latency", "ms", _highest),
}


def _slow_chart(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    points = _points(
        (name, float(at), value)
        for at, slowest, most_time in rows
        for name, value in (("slowest query", slowest), ("query with the most time", most_time))
        if value is not None
    )
    return _chart("top_queries", "Mean time of slow queries", "ms", points, None)


def _chart(name: str, title: str, unit: str, points: Points, limit: float | None) -> dict[str, Any]:
    # Indexes that nobody used would be lines along the bottom, and hide those that were used.
    used = {label: line for label, line in points.items() if any(line.values())} if name == "deployed" else points
    ordered = sorted((used or points).items(), key=lambda item: max(item[1].values()), reverse=True)
    shown = sorted(ordered[:_MOST_LINES])
    moments = sorted({at for _, line in shown for at in line})
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "limit": limit,
        "more": max(0, len(ordered) - _MOST_LINES),
        "idle": len(points) - len(ordered),
        "x": moments,
        "lines": [
            {"label": label, "y": [None if line.get(at) is None else round(line[at], 3) for at in moments]}
            for label, line in shown
        ],
    }


def _deployments(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    rows = connection.execute(
        engine_text("""select d.id, d.dag_id, d.state, extract(epoch from coalesce(d.ended_at, clock_timestamp()))::float8, d.airflow_run
        from deploy_ledger.deployment d
        where d.started_at >= %s
        order by d.id desc
        limit 1000"""),
        [since],
    ).fetchall()
    return [
        {
            "id": row[0],
            "at": row[3],
            "url": f"{run_path(row[1], row[4])}/plugin/deployment",
            "state": row[2].replace("_", " "),
            "tone": tone_of_deployment(row[1], row[2]),
        }
        for row in reversed(rows)
    ]
