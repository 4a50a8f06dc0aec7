"""What the monitor knows, as OpenMetrics, for a team's own Prometheus and Grafana. docs/monitor.md explains each number."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.tasks.target import read_target
from pg_deploy.ui.projects import KnownProject
from pg_deploy.ui.reading import has_ledger, read_only_session

TOKEN = "PG_DEPLOY_METRICS_TOKEN"
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SHORTEST_TOKEN = 16
# These measures have numbers of their own below, or none.
_WITH_OWN_NUMBERS = frozenset({"view_freshness", "top_queries", "views_memory", "statement_windows", "slow_queries"})
_MOST_ROWS = 500
# Not `job`: that is a label of Prometheus itself.
_JOB = ("cron_job", "jobid")


def is_scraper(authorization: str | None) -> bool:
    """Whether a request's header carries the scrapers' token. Never true if no token is set, or a short one."""
    token = os.environ.get(TOKEN, "")
    given = (authorization or "").removeprefix("Bearer ")
    return len(token) >= _SHORTEST_TOKEN and hmac.compare_digest(given.encode(), token.encode())


def expose(project: KnownProject, target: str) -> bytes:
    """The numbers of a target in OpenMetrics' text format. Reads only. Raises PageUnreadableError as a page does."""
    with read_only_session(read_target(target, project.ledger)) as connection:
        row = None
        if has_ledger(connection):
            row = connection.execute(engine_sql("ui/numbers")).fetchone()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(target, row))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call] # its types end with the older format


_Samples = list[tuple[tuple[str, ...], float]]
_Family = tuple[str, str, tuple[str, ...], _Samples]


class _Numbers(Collector):
    def __init__(self, target: str, row: Sequence[Any] | None) -> None:
        self._target, self._row = target, row

    def collect(self) -> Iterator[Metric]:
        """All numbers. A database at which the monitor never looked has only the first."""
        yield _family(
            "monitored", "Whether the monitor ever looked.", (), [((), float(self._row is not None))], self._target
        )
        if self._row is None:
            return
        taken_at, measures, alerts, deployments = self._row
        families: tuple[_Family, ...] = (
            ("look_timestamp_seconds", "When the monitor looked last.", (), [((), taken_at)]),
            *_views((measures.get("view_freshness") or {}).get("rows") or ()),
            *_jobs(measures.get("views_memory") or {}),
            *_queries(measures.get("statement_windows") or {}),
            *_others(measures),
            (
                "alert_since_timestamp_seconds",
                "When an alert that is open began.",
                ("measure", "object"),
                [((each["measure"], each["object"]), each["since"]) for each in alerts],
            ),
            ("alerts_open", "How many alerts are open.", (), [((), len(alerts))]),
            (
                "deployment_ended_timestamp_seconds",
                "When a deployment or a rollback ended.",
                ("deployment", "dag", "state"),
                [((str(each["id"]), each["dag_id"], each["state"]), each["ended_at"]) for each in deployments],
            ),
        )
        for name, text, labels, samples in families:
            yield _family(name, text, labels, samples, self._target)


def _views(rows: Iterable[Mapping[str, Any]]) -> Iterator[_Family]:
    known = [row for row in rows if "more" not in row["detail"]]

    def of(name: str) -> _Samples:
        return [((row["object"],), float(row["detail"][name])) for row in known if row["detail"].get(name) is not None]

    ages: _Samples = [((row["object"],), row["value"]) for row in known if row["value"] is not None]
    yield "view_age_seconds", "How old a view is; a view of unknown age has none.", ("view",), ages
    yield "view_allowed_age_seconds", "How old a view may be now.", ("view",), of("limit_s")
    yield "view_bytes", "A view's size with its indexes.", ("view",), of("bytes")
    yield "view_stale", "Whether a view is known to be stale.", ("view",), of("stale")
    yield "view_age_unknown", "Whether a view's age cannot be known.", ("view",), of("unknown")


def _jobs(memory: Mapping[str, Any]) -> Iterator[_Family]:
    # What the monitor remembers of the views stands under "rows", as the rows of a measure do.
    kept: Mapping[str, Any] = memory.get("rows") or {}
    named = {jobid: known[0] for jobid, known in (kept.get("due") or {}).items()}
    due: _Samples = [
        ((named[jobid], jobid), _seconds(known[1])) for jobid, known in (kept.get("due") or {}).items() if known[1]
    ]
    jobs = (kept.get("runs") or {}).get("jobs") or {}

    def of(name: str) -> _Samples:
        return [
            ((named[jobid], jobid), _seconds(each[name]))
            for jobid, each in jobs.items()
            if jobid in named and each[name]
        ]

    failed: _Samples = [
        ((named[jobid], jobid), float(each["failed"])) for jobid, each in jobs.items() if jobid in named
    ]
    yield "job_start_timestamp_seconds", "When the newest run of a job began.", _JOB, of("started")
    yield "job_success_timestamp_seconds", "When the newest run of a job that succeeded began.", _JOB, of("good")
    yield "job_due_timestamp_seconds", "When a job is due next, or was due if that run is missing.", _JOB, due
    yield "job_failed_runs", "How many runs of a job have failed in a row.", _JOB, failed


def _queries(windows: Mapping[str, Any]) -> Iterator[_Family]:
    kept: Mapping[str, Any] = windows.get("rows") or {}
    by_query = [(tuple(key.split("/")), numbers) for key, numbers in kept.items()]
    labels = ("queryid", "userid")
    yield "query_calls", "Calls between the last two looks.", labels, [(key, numbers[0]) for key, numbers in by_query]
    yield "query_mean_seconds", "Mean time of these.", labels, [(key, numbers[1] / 1000) for key, numbers in by_query]
    yield (
        "query_mean_blocks",
        "Blocks of shared buffers a call.",
        labels,
        [(key, numbers[2]) for key, numbers in by_query],
    )


def _others(measures: Mapping[str, Any]) -> Iterator[_Family]:
    values: dict[tuple[str, ...], float] = {}
    for measure, kept in measures.items():
        if measure not in _WITH_OWN_NUMBERS and isinstance(kept["rows"], list):
            for row in kept["rows"][:_MOST_ROWS]:
                if row["value"] is not None:
                    values[measure, row["object"], row["unit"]] = float(row["value"])
    yield "measure_value", "The value of a measure, in its unit.", ("measure", "object", "unit"), list(values.items())
    failed: _Samples = [
        ((measure,), float(kept["failed"])) for measure, kept in measures.items() if measure not in _WITH_OWN_NUMBERS
    ]
    yield "measure_failed", "Whether a measure could not be measured.", ("measure",), failed


def _family(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]], target: str
) -> Metric:
    family = GaugeMetricFamily(f"pg_deploy_{name}", text, labels=["target", *labels])
    for values, number in dict(samples).items():
        family.add_metric([target, *values], number)
    return family


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
