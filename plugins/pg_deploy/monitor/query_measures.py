"""The measures of pg_stat_statements: slow and new queries as alerts, the costliest queries, and the state of the counters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pg_deploy.monitor import samples
from pg_deploy.monitor.earlier_slow_queries import judge_earlier_slow_queries, make_slow_row
from pg_deploy.monitor.known_statements import KnownStatements
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import (
    EndedDeployment,
    Sample,
    put_statements,
    read_last_counters,
    read_statement_history,
)
from pg_deploy.monitor.slow_queries import SlowQuery, find_new_and_slow, find_slower, is_query
from pg_deploy.monitor.statements import Counters, Window, read_counters, shown_text, windows_between, with_most_time
from pg_deploy.monitor.suspects import read_touched_relations, reads_one_of
from pg_deploy.monitor.thresholds import StatementLimits
from pg_deploy.postgres.ledger_name import ledger_schemas
from pg_deploy.postgres.session import Connection

SLOW = "slow_queries"
TOP = "top_queries"
HEALTH = "pg_stat_statements"
NEW_VIEWS = "new_views"
# So many times more texts are read than are listed: the statements of the monitor and of deployments are among the costliest, and
# only their texts tell them from the application's.
_TEXTS_PER_LINE = 5


def measure_statements(
    connection: Connection,
    sample: Sample,
    limits: StatementLimits,
    *,
    slow_before: Sequence[Row],
    deployed: EndedDeployment | None,
    deployed_views: Sequence[str],
    dropped: Sequence[Row] = (),
    views_before: Sequence[Row] = (),
    lock_waits: Sequence[Row] = (),
) -> list[Measured]:
    """Read the counters, compare them with those of the last run, and keep them in the sample. Commits twice at most.

    `slow_before` are the slow queries that the last run found, `views_before` its counted calls of deployed views. `dropped` are the
    objects that were dropped by hand, which may be why a query got slow. `lock_waits` says who waits for whom.
    """
    ledgers = ledger_schemas(connection)
    view_names = [_schema_and_name(view)[1] for view in deployed_views]
    memory = KnownStatements.from_json(samples.read_memory(connection, samples.STATEMENTS_MEMORY))
    before = read_last_counters(connection)
    now = read_counters(connection)
    started = samples.read_server_start(connection, sample)
    restarted = memory.server_start is not None and memory.server_start != started
    if now.hidden:
        # What this role may not see is no trouble of the server.
        return [Measured(name, problem=f"not visible to this role: {now.problem}") for name in (HEALTH, SLOW, TOP)]
    health = _measure_health(before, now, started if restarted else None)
    if now.problem:
        # The counters of the last run are kept: they are still right when the extension comes back.
        return [health, *(Measured(name, problem=f"not measured: {now.problem}") for name in (SLOW, TOP))]
    if before is None or before.problem:
        put_statements(connection, sample, now, {})
        memory = memory.after(now.by_key, (), sample.taken_at, limits.known_for, started)
        # The texts are read at once: if they are large, this first look is the one that takes longer.
        texts = memory.read_texts_of(connection, _keys_with_most_time(now, limits), view_names, now.by_key)
        samples.put_memory(connection, sample, samples.STATEMENTS_MEMORY, memory.as_json())
        return [
            health,
            Measured(SLOW),
            Measured(TOP),
            *_measure_view_calls(deployed_views, now, texts, views_before, ledgers),
        ]
    called = windows_between(before, now)
    history = read_statement_history(connection, limits.windows, slow_measure=SLOW)
    still_slow, not_called = judge_earlier_slow_queries(slow_before, called, sample.taken_at, limits)
    slow = find_slower(called, windows_by_key(history), before.by_key, limits)
    # A statement that first appears after a reset of the counters may be an old one: the next window tells.
    is_reset = before.reset_at != now.reset_at or restarted
    known = memory.known.keys() | before.by_key.keys() | {key for _, kept in history for key in kept}
    known -= memory.pending
    unknown = [key for key in now.by_key if key not in known]
    new_and_slow = [] if is_reset else find_new_and_slow(called, now.by_key, known, limits)
    pending = unknown if is_reset else [key for key in memory.pending if key not in called]
    in_deployment = deployed is not None and bool(history) and history[-1][0] < deployed.ended_at
    found = [one for one in (*slow, *new_and_slow) if one.key not in still_slow]
    memory = memory.after(now.by_key, pending, sample.taken_at, limits.known_for, started)
    texts = memory.read_texts_of(
        connection,
        {*still_slow, *(one.key for one in found), *_by_time(called, limits), *_by_mean(called, limits)},
        view_names,
        now.by_key,
    )
    samples.put_memory(connection, sample, samples.STATEMENTS_MEMORY, memory.as_json())
    roles = _roles(connection, now, {one.key for one in found})
    put_statements(connection, sample, now, with_most_time(called, limits.kept))
    rows = []
    for one, since, known_suspect in (
        *((kept.slow, kept.slow_since, kept.suspect) for kept in still_slow.values()),
        *(
            (replace(each, role=roles.get(each.key, "")), sample.taken_at, None)
            for each in found
            if is_query(texts.get(each.key), ledgers)
            # New statements of this role are the deployment's own checks, if a deployment ran in this window.
            and not (each.before_ms is None and in_deployment and each.key.endswith(f"/{now.role}"))
        ),
    ):
        text = texts.get(one.key)
        suspect = known_suspect or _suspect(connection, one, history, deployed, dropped, text)
        rows.append(make_slow_row(one, sample.taken_at, since, suspect, text, _seen_wait(one, lock_waits)))
    return [
        health,
        Measured(SLOW, (*rows, *(row for row in not_called if row.object not in {each.object for each in rows}))),
        _measure_top(called, limits, texts, ledgers),
        *_measure_view_calls(deployed_views, now, texts, views_before, ledgers),
    ]


def _roles(connection: Connection, now: Counters, keys: Collection[str]) -> dict[str, str]:
    """For those of these statements that several roles run, the name of each one's role, by key."""
    roles_of_query = Counter(key.split("/")[0] for key in now.by_key)
    of_several = [key for key in keys if roles_of_query[key.split("/")[0]] > 1]
    if not of_several:
        return {}
    rows = connection.execute("select r.oid::text, r.rolname::text from pg_catalog.pg_roles r").fetchall()
    names = {str(oid): str(name) for oid, name in rows}
    return {key: names.get(key.split("/")[1], key.split("/")[1]) for key in of_several}


def _seen_wait(slow: SlowQuery, lock_waits: Sequence[Row]) -> str | None:
    """The cause of the lock wait in which the statement was seen, if any."""
    queryid = slow.key.split("/")[0]
    return next(
        (str(row.detail.get("cause")) for row in lock_waits if queryid in (row.detail.get("query_ids") or ())), None
    )


def windows_by_key(history: Sequence[tuple[datetime, Mapping[str, Window]]]) -> dict[str, list[Window]]:
    """The windows of each statement in a history, in its order. Pure."""
    by_key: dict[str, list[Window]] = {}
    for _, kept in history:
        for key, window in kept.items():
            by_key.setdefault(key, []).append(window)
    return by_key


def _suspect(
    connection: Connection,
    slow: SlowQuery,
    history: Sequence[tuple[datetime, object]],
    deployed: EndedDeployment | None,
    dropped: Sequence[Row],
    text: str | None,
) -> str | None:
    """What may be why the query reads more, or exists at all: an index that was dropped by hand, or a deployment that touched what
    it reads. A query that takes longer and reads no more has no suspect: no change of the schema explains it.
    """
    if slow.before_ms is not None and not slow.reads_more:
        return None
    for row in dropped:
        bare = str(row.detail.get("table") or "").split(".")[-1].strip('"')
        if bare and text and re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", text):
            return f"{row.object} on {row.detail['table']} was dropped by hand and is the suspect"
    if deployed is None or text is None or (history and history[0][0] > deployed.ended_at):
        return None
    if not reads_one_of(connection, text, read_touched_relations(connection, deployed.id)):
        return None
    return f"{deployed.name} ended {deployed.ended_at:%Y-%m-%d %H:%M} UTC in between and is the suspect"


def _keys_with_most_time(now: Counters, limits: StatementLimits) -> list[str]:
    costliest = sorted(now.by_key.items(), key=lambda item: item[1].total_ms, reverse=True)
    return [key for key, _ in costliest[: _TEXTS_PER_LINE * limits.top]]


def _by_time(windows: Mapping[str, Window], limits: StatementLimits) -> dict[str, Window]:
    return with_most_time(windows, _TEXTS_PER_LINE * limits.top)


def _by_mean(windows: Mapping[str, Window], limits: StatementLimits) -> dict[str, Window]:
    enough = {key: one for key, one in windows.items() if one.calls >= limits.calls}
    slowest = sorted(enough.items(), key=lambda item: item[1].mean_ms, reverse=True)
    return dict(slowest[: _TEXTS_PER_LINE * limits.top])


def _measure_top(
    windows: Mapping[str, Window], limits: StatementLimits, texts: Mapping[str, str], ledgers: tuple[str, ...]
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
                "text": shown_text(texts.get(key)),
            },
        )
        for name, chosen in (("total", _by_time(windows, limits)), ("mean", _by_mean(windows, limits)))
        for key, one in [item for item in chosen.items() if is_query(texts.get(item[0]), ledgers)][: limits.top]
    ]
    return Measured(TOP, tuple(rows))


def _measure_view_calls(
    views: Sequence[str], now: Counters, texts: Mapping[str, str], before: Sequence[Row], ledgers: tuple[str, ...]
) -> list[Measured]:
    """For each deployed view, how often queries that name it were called.

    What this role had called before the first look at the view is not counted: those were the deployment's own checks.
    """
    if not views:
        return []
    first_own = {row.object: float(row.detail["own"]) for row in before}
    rows = []
    for view in views:
        keys = [
            key
            for key, text in texts.items()
            if key in now.by_key and names_view(text, view) and is_query(text, ledgers)
        ]
        own = sum(now.by_key[key].calls for key in keys if key.endswith(f"/{now.role}"))
        others = sum(now.by_key[key].calls for key in keys if not key.endswith(f"/{now.role}"))
        first = min(first_own.get(view, own), own)
        rows.append(Row(view, others + own - first, "calls", {"own": first}))
    return [Measured(NEW_VIEWS, tuple(rows))]


def names_view(text: str, view: str) -> bool:
    """Whether a statement names the view `schema.name`, with or without its schema. Pure."""
    schema, name = map(re.escape, _schema_and_name(view))
    return re.search(rf'(?<![\w$".])(?:"?{schema}"?\."?|"?){name}(?![\w$])', text) is not None


def _schema_and_name(view: str) -> tuple[str, str]:
    schema, _, name = view.rpartition(".")
    return schema.strip('"'), name.strip('"')


def _measure_health(before: Counters | None, now: Counters, restarted_at: datetime | None) -> Measured:
    if now.problem:
        return Measured(HEALTH, (Row("extension", 1, "problem", {"cause": now.problem}),))
    rows = []
    if restarted_at is not None:
        cause = f"the server was started anew at {restarted_at:%Y-%m-%d %H:%M} UTC"
        rows.append(
            Row("server", 1, "restart", {"cause": cause, "alert": False, "worth_a_look": True, "do": "see its log"})
        )
    if before is not None and not before.problem:
        if before.reset_at != now.reset_at:
            cause = f"the counters were reset at {(now.reset_at or 'an unknown time')[:16]} UTC: earlier ones are gone"
            rows.append(Row("counters", 1, "reset", {"cause": cause}))
        elif before.evictions is not None and now.evictions is not None and now.evictions > before.evictions:
            cause = (
                f"statements are evicted ({now.evictions - before.evictions} times since the last look): there are more"
                f" than pg_stat_statements.max = {now.max_statements}, and rare ones are forgotten"
            )
            rows.append(Row("evictions", now.evictions - before.evictions, "evictions", {"cause": cause}))
    return Measured(HEALTH, tuple(rows))
