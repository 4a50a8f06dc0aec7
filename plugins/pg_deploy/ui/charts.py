"""The figures of the charts: what the monitor measured. The database itself thins it out to what a screen can show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
_TONES = {State.DEPLOYED: "good", State.RUNNING: "wait"}

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


def _limits(project: KnownProject) -> Thresholds:
    try:
        return read_thresholds(project.thresholds, project=project.own_files)
    except ThresholdsError:
        # The monitor's own run is red for that, or this process cannot see the file. The charts are drawn without limits.
        return Thresholds()


def _highest(rows: Sequence[_Row]) -> Points:
    points: Points = {}
    for row in rows:
        points.setdefault(row.object, {})[row.at] = row.highest
    return points


def _lowest(rows: Sequence[_Row]) -> Points:
    points: Points = {}
    for row in rows:
        points.setdefault(row.object, {})[row.at] = row.lowest
    return points


def _of_limit(rows: Sequence[_Row]) -> Points:
    """The ages in per cent of each view's limit, so that views of different schedules can share a chart."""
    points: Points = {}
    for row in rows:
        if row.limit_s:
            points.setdefault(row.object, {})[row.at] = 100 * row.highest / row.limit_s
    return points


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
    "view_freshness": ("Age of materialized views", "% of limit", _of_limit),
    "deployed": ("Use of the last deployment's indexes", "scans", _scans_between),
    "connections": ("Connections in use", "% of max", _highest),
    "cache_hit_ratio": ("Cache hits", "%", _lowest),
    "api_latency": ("API latency", "ms", _highest),
}


def _slow_chart(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    points: Points = {"slowest query": {}, "query with the most time": {}}
    for at, slowest, most_time in rows:
        if slowest is not None:
            points["slowest query"][float(at)] = slowest
        if most_time is not None:
            points["query with the most time"][float(at)] = most_time
    return _chart(
        "top_queries", "Mean time of slow queries", "ms", {name: kept for name, kept in points.items() if kept}, None
    )


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
            "tone": "good" if rolls_back(row[1]) and row[2] == State.ROLLED_BACK else _TONES.get(row[2], "bad"),
        }
        for row in reversed(rows)
    ]
