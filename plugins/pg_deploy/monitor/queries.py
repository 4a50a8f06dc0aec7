"""The statements' measures: slow and new queries as alerts, the top of the list, and what became of the counters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import Deployed, Sample, last_counters, put_statements, statement_history
from pg_deploy.monitor.slow import is_query, new_and_bad, slower
from pg_deploy.monitor.standing import carried_on, slow_row
from pg_deploy.monitor.statements import Counters, Window, most_time, read_counters, read_texts, shown, windows
from pg_deploy.monitor.thresholds import Statements
from pg_deploy.session import Connection

SLOW = "slow_queries"
TOP = "top_queries"
HEALTH = "pg_stat_statements"
NEW_VIEWS = "new_views"
# The monitor's and the deployments' own statements are among the top, and left out once their texts are known.
_LOOKED_AT = 5


def measure_statements(
    connection: Connection,
    sample: Sample,
    limits: Statements,
    *,
    slow_before: Sequence[Row],
    deployed: Deployed | None,
    deployed_views: Sequence[str],
    gone: Sequence[Row] = (),
    views_before: Sequence[Row] = (),
) -> list[Measured]:
    """Read the counters, compare, keep them in the sample. Commits once.

    `slow_before` are the slow queries of the run before, `gone` what was dropped by hand, which may be why a query got slow.
    """
    before = last_counters(connection)
    now = read_counters(connection)
    health = _health(before, now)
    if now.problem:
        # The counters of the run before stay: what was counted until then is still true when they come back.
        return [health, *(Measured(name, problem=f"not measured: {now.problem}") for name in (SLOW, TOP))]
    if before is None or before.problem:
        put_statements(connection, sample, now, {})
        named = _calls_of(deployed_views, now, read_texts(connection, (), deployed_views), views_before)
        return [health, Measured(SLOW), Measured(TOP), *named]
    found = windows(before, now)
    history = statement_history(connection, limits.windows, slow_measure=SLOW)
    standing, waiting = carried_on(slow_before, found, sample.taken_at, limits)
    slow = slower(found, _by_key(history), before.by_key, limits)
    was_reset = before.reset_at != now.reset_at
    # After a reset every statement is new to the counters.
    known = {**before.by_key, **({key: None for _, kept in history for key in kept})}
    bad = [] if was_reset else new_and_bad(found, now.by_key, known, limits)
    in_deployment = deployed is not None and bool(history) and history[-1][0] < deployed.ended_at
    fresh = [one for one in (*slow, *bad) if one.key not in standing]
    texts = read_texts(
        connection,
        {*standing, *(one.key for one in fresh), *_by_time(found, limits), *_by_mean(found, limits)},
        deployed_views,
    )
    kept = [(one.slow, one.since) for one in standing.values()]
    kept += [
        (one, sample.taken_at)
        for one in fresh
        if is_query(texts.get(one.key))
        # While a deployment ran, this role's new statements are the deployment's own checks.
        and not (one.before_ms is None and in_deployment and one.key.endswith(f"/{now.role}"))
    ]
    put_statements(connection, sample, now, most_time(found, limits.kept))
    rows = [
        slow_row(one, sample.taken_at, since, _suspect(history, deployed, gone, texts.get(one.key)), texts.get(one.key))
        for one, since in kept
    ]
    return [
        health,
        Measured(SLOW, (*rows, *(row for row in waiting if row.object not in {each.object for each in rows}))),
        _top(found, limits, texts),
        *_calls_of(deployed_views, now, texts, views_before),
    ]


def _by_key(history: Sequence[tuple[datetime, Mapping[str, Window]]]) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = {}
    for _, kept in history:
        for key, window in kept.items():
            found.setdefault(key, []).append(window)
    return found


def _suspect(
    history: Sequence[tuple[datetime, object]], deployed: Deployed | None, gone: Sequence[Row], text: str | None
) -> str | None:
    """An index that was dropped from a table that the query names, else the deployment between its history and now."""
    for row in gone:
        table = str(row.detail.get("table") or "").split(".")[-1].strip('"')
        if table and text and re.search(rf"\b{re.escape(table)}\b", text):
            return f"{row.object} on that table was dropped by hand and is the suspect"
    if deployed is None or (history and history[0][0] > deployed.ended_at):
        return None
    return f"{deployed.name} ended {deployed.ended_at:%Y-%m-%d %H:%M} UTC in between and is the suspect"


def _by_time(found: Mapping[str, Window], limits: Statements) -> dict[str, Window]:
    return most_time(found, _LOOKED_AT * limits.top)


def _by_mean(found: Mapping[str, Window], limits: Statements) -> dict[str, Window]:
    often = {key: one for key, one in found.items() if one.calls >= limits.calls}
    slowest = sorted(often.items(), key=lambda item: item[1].mean_ms, reverse=True)
    return dict(slowest[: _LOOKED_AT * limits.top])


def _top(found: Mapping[str, Window], limits: Statements, texts: Mapping[str, str]) -> Measured:
    rows = [
        Row(
            f"query {key.split('/')[0]}",
            round(one.mean_ms, 3),
            "ms",
            {
                "list": name,
                "calls": one.calls,
                "total_ms": round(one.total_ms, 1),
                "text": shown(texts.get(key)),
            },
        )
        for name, chosen in (("total", _by_time(found, limits)), ("mean", _by_mean(found, limits)))
        for key, one in [item for item in chosen.items() if is_query(texts.get(item[0]))][: limits.top]
    ]
    return Measured(TOP, tuple(rows))


def _calls_of(views: Sequence[str], now: Counters, texts: Mapping[str, str], before: Sequence[Row]) -> list[Measured]:
    """Calls of queries that name each deployed view.

    What this role had called when the view was first seen here were the deployment's own checks: they do not count.
    """
    if not views:
        return []
    known = {row.object: float(row.detail["own"]) for row in before}
    rows = []
    for view in views:
        bare = view.split(".")[-1].strip('"')
        keys = [key for key, text in texts.items() if bare in text and is_query(text) and key in now.by_key]
        own = sum(now.by_key[key].calls for key in keys if key.endswith(f"/{now.role}"))
        others = sum(now.by_key[key].calls for key in keys if not key.endswith(f"/{now.role}"))
        first = min(known.get(view, own), own)
        rows.append(Row(view, others + own - first, "calls", {"own": first}))
    return [Measured(NEW_VIEWS, tuple(rows))]


def _health(before: Counters | None, now: Counters) -> Measured:
    if now.problem:
        return Measured(HEALTH, (Row("extension", 1, "problem", {"cause": now.problem}),))
    rows = []
    if before is not None and not before.problem:
        if before.reset_at != now.reset_at:
            cause = f"the counters were reset at {(now.reset_at or 'an unknown time')[:16]}: earlier ones are gone"
            rows.append(Row("counters", 1, "reset", {"cause": cause}))
        elif before.evictions is not None and now.evictions is not None and now.evictions > before.evictions:
            cause = (
                f"statements are evicted ({now.evictions - before.evictions} times since the last look): there are more"
                f" than pg_stat_statements.max = {now.most}, and rare ones are forgotten"
            )
            rows.append(Row("evictions", now.evictions - before.evictions, "evictions", {"cause": cause}))
    return Measured(HEALTH, tuple(rows))
