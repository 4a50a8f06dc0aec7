"""The application's side: what SQL cannot see. It is measured if an Airflow connection says how to reach it."""

from __future__ import annotations

import statistics as stats
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import httpx

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.secrecy import without_secrets

LATENCY, STATUS = "api_latency", "api_status"
REDIS, REDIS_HITS = "redis", "redis_hit_rate"
PROMETHEUS, CPU = "prometheus", "cpu"
MEASURES = (LATENCY, STATUS, REDIS, REDIS_HITS, PROMETHEUS, CPU)
"""All that is measured here. A sample may lack some: of what is not configured or failed, one line is enough for a reader."""
TRIES = 3
TIMEOUT_S = 3.0
# In a shorter time than this, some busy seconds are a high share.
_LONG_ENOUGH_S = 60.0
_CPU_COUNTER = "node_cpu_seconds_total"


@dataclass(frozen=True)
class Endpoints:
    """An application's endpoints by name, below one address. The headers may hold secrets, so no repr shows them."""

    url: str
    paths: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def not_configured(measures: Sequence[str], connection: str) -> list[Measured]:
    """The measures as the page shows them if their Airflow connection is missing."""
    return [Measured(" and ".join(measures), problem=f'not configured (no connection "{connection}" in Airflow)')]


def measure_endpoints(endpoints: Endpoints) -> list[Measured]:
    """For each endpoint, the median time in ms of those of three requests that were answered, and how many of the three failed."""
    latency, status = [], []
    with httpx.Client(base_url=endpoints.url, headers=dict(endpoints.headers), timeout=TIMEOUT_S) as client:
        for name, path in endpoints.paths.items():
            times, failures = [], []
            for _ in range(TRIES):
                began = time.monotonic()
                try:
                    answer = client.get(path)
                    times.append((time.monotonic() - began) * 1000)
                    if answer.status_code >= 400:
                        failures.append(f"HTTP {answer.status_code}")
                except httpx.HTTPError as error:
                    failures.append(type(error).__name__)
            if times:
                ms = round(stats.median(times), 1)
                latency.append(Row(name, ms, "ms", {"path": path, "cause": f"{path} answers in {ms:.0f} ms"}))
            said = f"{len(failures)} of {TRIES} requests to {path} failed: {', '.join(sorted(set(failures)))}"
            status.append(Row(name, len(failures), "failed requests", {"path": path, "cause": said}))
    return [Measured(LATENCY, tuple(latency)), Measured(STATUS, tuple(status))]


def measure_redis(url: str, before: Sequence[Row]) -> list[Measured]:
    """Whether Redis answers, and which share of the look-ups since the last run found something, in per cent."""
    try:
        redis = import_module("redis")
    except ImportError:
        return [Measured(REDIS, problem="not measured: the Python package redis is not installed")]
    try:
        client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        with client:
            info: Mapping[str, Any] = client.info("stats")
    except redis.RedisError as error:
        said = without_secrets(one_line(str(error)))
        return [
            Measured(REDIS, (Row("the cache", 1, "down", {"cause": f"Redis does not answer: {said}"}),)),
            Measured(REDIS_HITS, problem="not measured: Redis does not answer"),
        ]
    hits, misses = int(info["keyspace_hits"]), int(info["keyspace_misses"])
    earlier = before[0].detail if before else None
    asked, hits_since = 0, 0
    if earlier is not None:
        went_on = earlier["hits"] <= hits and earlier["misses"] <= misses
        hits_since = hits - (earlier["hits"] if went_on else 0)
        asked = hits_since + misses - (earlier["misses"] if went_on else 0)
    # A hundred look-ups say something about a cache, ten do not.
    rate = round(100 * hits_since / asked, 1) if asked >= 100 else None
    detail = {
        "hits": hits,
        "misses": misses,
        "evicted": int(info.get("evicted_keys", 0)),
        "cause": f"{hits_since} of {asked} look-ups since the last look found something"
        f" ({info.get('evicted_keys', 0)} keys evicted so far)",
    }
    return [Measured(REDIS), Measured(REDIS_HITS, (Row("the cache", rate, "%", detail),))]


def measure_prometheus(url: str, headers: Mapping[str, str], before: Sequence[Row]) -> list[Measured]:
    """For how much of the time since the last run the CPU was busy, in per cent, by a node exporter's page (as Supabase has one)."""
    try:
        parser = import_module("prometheus_client.parser")
    except ImportError:
        return [Measured(PROMETHEUS, problem="not measured: the Python package prometheus-client is not installed")]
    try:
        answer = httpx.get(url, headers=dict(headers), timeout=TIMEOUT_S)
        answer.raise_for_status()
        counters: dict[str, float] = {}
        processors = set()
        for family in parser.text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name == _CPU_COUNTER:
                    mode = sample.labels.get("mode")
                    if mode is None:
                        continue
                    processors.add(sample.labels.get("cpu"))
                    counters[mode] = counters.get(mode, 0.0) + sample.value
    except UnicodeEncodeError:
        # The token cannot be sent, which says nothing about the exporter.
        raise
    except (httpx.HTTPError, ValueError) as error:
        said = (
            f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        )
        return [
            Measured(PROMETHEUS, (Row("the exporter", 1, "down", {"cause": f"it gives no figures: {said}"}),)),
            Measured(CPU, problem="not measured: the exporter gives no figures"),
        ]
    if not counters:
        return [Measured(PROMETHEUS), Measured(CPU, problem=f"not there: the page holds no {_CPU_COUNTER}")]
    total, idle = sum(counters.values()), counters.get("idle", 0.0) + counters.get("iowait", 0.0)
    busy = None
    is_brief = False
    if before:
        all_since = total - before[0].detail["total"]
        busy = round(100 * (1 - (idle - before[0].detail["idle"]) / all_since), 1) if all_since > 1 else None
        is_brief = all_since / max(1, len(processors)) < _LONG_ENOUGH_S
    detail: dict[str, object] = {
        "total": total,
        "idle": idle,
        "cause": f"the CPU was busy for {busy} % of the time since the last look",
    }
    if is_brief:
        detail["alert"] = False
    return [Measured(PROMETHEUS), Measured(CPU, (Row("the server", busy, "%", detail),))]
