"""The statements' measures: slow and new queries as alerts, the top of the list, and what became of the counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import Deployed, Sample, last_counters, put_statements, statement_history
from pg_deploy.monitor.slow import Slow, is_query, new_and_bad, slower
from pg_deploy.monitor.statements import Counters, Window, most_time, read_counters, read_texts, shown, windows
from pg_deploy.monitor.thresholds import Statements
from pg_deploy.session import Connection

SLOW = "slow_queries"
TOP = "top_queries"
HEALTH = "pg_stat_statements"
NEW_VIEWS = "new_views"


def measure_statements(
    connection: Connection,
    sample: Sample,
    limits: Statements,
    *,
    slow_since: Mapping[str, datetime],
    deployed: Deployed | None,
    deployed_views: Sequence[str],
) -> list[Measured]:
    """Read the counters, compare, keep them in the sample. `slow_since` says which queries are known as slow since when:
    what they cost from then on is no history to judge them by. Commits once.
    """
    before = last_counters(connection)
    now = read_counters(connection)
    health = _health(before, now)
    if now.problem:
        # The counters of the run before stay: what was counted until then is still true when they come back.
        return [health, *(Measured(name, problem=f"not measured: {now.problem}") for name in (SLOW, TOP))]
    if before is None or before.problem:
        put_statements(connection, sample, now, {})
        return [health, Measured(SLOW), _top(connection, {}, limits)]
    found = windows(before, now)
    history = statement_history(connection, limits.windows)
    slow = slower(found, _by_key(history, slow_since), before.by_key, limits)
    was_reset = before.reset_at != now.reset_at
    # After a reset every statement is new to the counters.
    known = {**before.by_key, **({key: None for _, kept in history for key in kept})}
    bad = [] if was_reset else new_and_bad(found, known, limits)
    in_deployment = deployed is not None and bool(history) and history[-1][0] < deployed.ended_at
    texts = read_texts(
        connection,
        {one.key for one in (*slow, *bad)} | set(_by_time(found, limits.top)) | set(_by_mean(found, limits)),
        deployed_views,
    )
    kept = [one for one in slow if is_query(texts.get(one.key))]
    # While a deployment ran, this role's new statements are the deployment's own checks.
    kept += [
        one for one in bad if is_query(texts.get(one.key)) and not (in_deployment and one.key.endswith(f"/{now.role}"))
    ]
    put_statements(connection, sample, now, most_time(found, limits.kept))
    measured = [
        health,
        Measured(SLOW, tuple(_row(one, texts, _suspect(history, deployed)) for one in kept)),
        _top(connection, found, limits, texts),
    ]
    if deployed_views:
        measured.append(_calls_of(deployed_views, now, texts))
    return measured


def _by_key(
    history: Sequence[tuple[datetime, Mapping[str, Window]]], slow_since: Mapping[str, datetime]
) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = {}
    for taken_at, kept in history:
        for key, window in kept.items():
            since = slow_since.get(f"query {key.split('/')[0]}")
            if since is None or taken_at < since:
                found.setdefault(key, []).append(window)
    return found


def _suspect(history: Sequence[tuple[datetime, object]], deployed: Deployed | None) -> str | None:
    """The deployment that lies between a query's history and now."""
    if deployed is None or (history and history[0][0] > deployed.ended_at):
        return None
    return f"{deployed.name} ended {deployed.ended_at:%Y-%m-%d %H:%M} UTC in between and is the suspect"


def _row(slow: Slow, texts: Mapping[str, str], suspect: str | None) -> Row:
    calls = f"{slow.now.calls:.0f} calls since the last look"
    if slow.before_ms is None:
        said = f"new and slow, {slow.now.mean_ms:.0f} ms a call, {calls}"
    else:
        times = slow.now.mean_ms / max(slow.before_ms, 0.001)
        said = f"{slow.before_ms:.1f} ms before, {slow.now.mean_ms:.1f} ms now ({times:.0f} times), {calls}"
        if slow.before_blocks is not None and slow.now.mean_blocks > slow.before_blocks * 1.5 + 10:
            said += f", reading {slow.now.mean_blocks:.0f} blocks a call instead of {slow.before_blocks:.0f}"
    cause = "; ".join([said, *([suspect] if suspect else []), shown(texts.get(slow.key))])
    return Row(slow.object, round(slow.now.mean_ms, 3), "ms", {"alert": True, "cause": cause, "key": slow.key})


def _by_time(found: Mapping[str, Window], count: int) -> dict[str, Window]:
    return most_time(found, count)


def _by_mean(found: Mapping[str, Window], limits: Statements) -> dict[str, Window]:
    often = {key: one for key, one in found.items() if one.calls >= limits.calls}
    return dict(sorted(often.items(), key=lambda item: item[1].mean_ms, reverse=True)[: limits.top])


def _top(
    connection: Connection, found: Mapping[str, Window], limits: Statements, texts: Mapping[str, str] | None = None
) -> Measured:
    rows = [
        Row(
            f"query {key.split('/')[0]}",
            round(one.mean_ms, 3),
            "ms",
            {
                "list": name,
                "calls": one.calls,
                "total_ms": round(one.total_ms, 1),
                "text": shown((texts or {}).get(key)),
                "is_query": is_query((texts or {}).get(key)),
            },
        )
        for name, chosen in (("total", _by_time(found, limits.top)), ("mean", _by_mean(found, limits)))
        for key, one in chosen.items()
    ]
    return Measured(TOP, tuple(rows))


def _calls_of(views: Sequence[str], now: Counters, texts: Mapping[str, str]) -> Measured:
    """Calls of application queries that name each deployed view."""
    rows = []
    for view in views:
        bare = view.split(".")[-1].strip('"')
        calls = sum(
            now.by_key[key].calls
            for key, text in texts.items()
            if bare in text and is_query(text) and key in now.by_key and not key.endswith(f"/{now.role}")
        )
        rows.append(Row(view, calls, "calls", {}))
    return Measured(NEW_VIEWS, tuple(rows))


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
