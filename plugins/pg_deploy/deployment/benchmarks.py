"""Benchmarks: a query timed before and after. The goal is reported, the limit decides."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from pg_deploy.ledger.kinds.benchmark import (
    BenchmarkOutcome,
    MeasuredBenchmark,
    Measurement,
    describe_worse,
    got_worse,
    is_slower,
    slowdown,
)
from pg_deploy.migrations.manifest import Goal
from pg_deploy.migrations.migration import Benchmark, Query
from pg_deploy.postgres.explained import Explained, read_explained
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction, one_line

UNEXPLAINED = "over its limit, which decides nothing: neither its plan nor the blocks it read got worse"
RUNS = 5
# Some 15 ms of a processor, no block, no memory to speak of, the same on every server: what it takes longer, the machine is busier.
_CONTROL = b"""explain (analyze, timing off, format json)
select pg_catalog.count(n) from (select pg_catalog.generate_series(1, 100000) as n) as numbers"""
# What EXPLAIN cannot run is measured by the server's counters of this transaction; of relations, as it has no others.
_BLOCKS_SO_FAR = b"""select sum(pg_catalog.pg_stat_get_xact_blocks_fetched(c.oid))::bigint
from pg_catalog.pg_class c where c.relkind in ('r', 'i', 't', 'm')"""
_EXPLAINABLE = ("select", "insert", "update", "delete", "merge", "values", "with", "table", "execute")


@dataclass(frozen=True)
class Comparison:
    """One benchmark on both sides, with what its author hoped for and what the limit says."""

    name: str
    before: Measurement | None
    after: Measurement
    goal_met: bool | None
    goal_text: str
    breached: bool
    why: str = ""
    unexplained: bool = False
    """Slower than the limit, and plan and blocks read or a busy machine give no reason to undo anything: told only."""

    @property
    def evidence(self) -> MeasuredBenchmark:
        """For the ledger."""
        outcome = BenchmarkOutcome.BREACHED if self.breached else BenchmarkOutcome.KEPT
        return MeasuredBenchmark(
            self.name, outcome, self.before, self.after, self.goal_text, self.goal_met, self.sentence, self.why
        )

    @property
    def sentence(self) -> str:
        """The change, both times and the goal, for the log."""
        if self.after.error:
            return f"could not be measured: {self.after.error}"
        if self.before is None or self.before.error:
            return f"{self.after.ms:.2f} ms (nothing to compare with before)"
        change = _change(self.before.ms, self.after.ms)
        goal = "" if self.goal_met is None else f"; goal {'met' if self.goal_met else 'NOT met'}: {self.goal_text}"
        return f"{change}, {self.before.ms:.2f} -> {self.after.ms:.2f} ms{goal}{self._remark(self.before)}"

    def _remark(self, before: Measurement) -> str:
        if not self.unexplained:
            return ""
        if not got_worse(before, self.after):
            return f"; {UNEXPLAINED}"
        times = slowdown(before, self.after)
        return f"; over its limit, which decides nothing: the machine was busy, a fixed computation took {times:.1f} times as long"


def measure_all(
    connection: Connection,
    benchmarks: Sequence[Benchmark],
    *,
    side: str,
    timeout_s: float,
    log: logging.Logger,
    runs: int = RUNS,
) -> dict[str, Measurement]:
    """Measure each benchmark's `side` (before or after), in aborted transactions; an error is part of the result."""
    found = {}
    for benchmark in benchmarks:
        query = benchmark.before if side == "before" and benchmark.before else benchmark.after
        found[benchmark.name] = measurement = measure(connection, query, timeout_s=timeout_s, runs=runs)
        log.info("  %s, %s: %s", benchmark.name, side, measurement.error or f"{measurement.ms:.2f} ms")
    return found


def measure(connection: Connection, query: Query, *, timeout_s: float, runs: int = RUNS) -> Measurement:
    """Time the last statement of `query`: at most `runs` times, each in an aborted transaction, within `timeout_s` in all.

    Raises psycopg.OperationalError only when the connection itself is gone.
    """
    deadline = time.monotonic() + timeout_s
    times: list[float] = []
    controls: list[float] = []
    blocks: list[int] = []
    cost: float | None = None
    plan: str | None = None
    try:
        while len(times) < runs and (not times or time.monotonic() < deadline):
            once = _once(connection, query, max(0.1, deadline - time.monotonic()))
            times.append(once.ms)
            cost, plan = once.cost, once.shape
            if once.blocks is not None:
                blocks.append(once.blocks)
            controls.append(_control_ms(connection, max(0.1, deadline - time.monotonic())))
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        if not times:
            return Measurement(0.0, (), None, None, None, one_line(str(error)))
    return Measurement(
        statistics.median(times),
        tuple(times),
        round(statistics.median(blocks)) if blocks else None,
        cost,
        plan,
        control_ms=min(controls, default=None),
    )


def compare(
    benchmark: Benchmark, before: Measurement | None, after: Mapping[str, Measurement], *, agrees: bool = True
) -> Comparison:
    """Judge one benchmark. `after` holds all of the migration's, for goals that name another one.

    A breach counts only if blocks read or the plan got worse too, and, `agrees`, measuring again says the same. A query that
    fails afterwards is one.
    """
    now = after[benchmark.name]
    goal = benchmark.terms.goal
    met = None if goal is None or now.error else _goal_met(goal, before, now, after)
    text = _goal_text(goal) if goal else ""
    if now.error:
        return Comparison(benchmark.name, before, now, False if goal else None, text, True, "it failed afterwards")
    slower = breaches(benchmark, before, now)
    why = ""
    if slower and before is not None:
        reason = describe_worse(before, now)
        why = f"slower than its limit of {benchmark.terms.limit.times_slower:g} times ({reason})"
    unexplained = not slower and _is_slower_by_the_clock(benchmark, before, now)
    return Comparison(benchmark.name, before, now, met, text, slower and agrees, why, unexplained)


def breaches(benchmark: Benchmark, before: Measurement | None, after: Measurement) -> bool:
    """Whether `after` is slower than the limit allows, by more than noise, and its plan or the blocks it read got worse too.

    A time alone decides nothing, however long: it also says how busy the machine was.
    """
    limit = benchmark.terms.limit.times_slower
    return before is not None and is_slower(before, after, limit) and got_worse(before, after)


def _is_slower_by_the_clock(benchmark: Benchmark, before: Measurement | None, after: Measurement) -> bool:
    limit = benchmark.terms.limit.times_slower
    return before is not None and is_slower(before, replace(after, control_ms=None), limit)


def _once(connection: Connection, query: Query, timeout_s: float) -> Explained:
    *scene, timed = query.statements
    with aborted_transaction(
        connection, writes=query.writes, timeout_s=timeout_s, lock_timeout_s=LOCK_TIMEOUT_S, role_search_path=True
    ):
        for statement in scene:
            connection.execute(statement.sql.encode())
        if timed.kind.startswith(_EXPLAINABLE):
            explained = connection.execute(
                b"explain (analyze, buffers, timing off, format json) " + timed.sql.encode()
            ).fetchone()
            if explained:
                return read_explained(explained[0])
        so_far = _blocks_so_far(connection)
        started = time.monotonic()
        connection.execute(timed.sql.encode())
        ms = (time.monotonic() - started) * 1000
        return Explained(ms, _blocks_so_far(connection) - so_far, None, None)


def _control_ms(connection: Connection, timeout_s: float) -> float:
    with aborted_transaction(connection, writes=False, timeout_s=timeout_s, lock_timeout_s=LOCK_TIMEOUT_S):
        row = connection.execute(_CONTROL).fetchone()
    return read_explained(row[0]).ms if row else 0.0


def _blocks_so_far(connection: Connection) -> int:
    row = connection.execute(_BLOCKS_SO_FAR).fetchone()
    return int(row[0] or 0) if row else 0


def _goal_met(
    goal: Goal, before: Measurement | None, now: Measurement, after: Mapping[str, Measurement]
) -> bool | None:
    verdicts: list[bool] = []
    compared = before is not None and not before.error
    if goal.faster_percent is not None or goal.times_faster is not None:
        if not compared or before is None:
            return None
        if goal.faster_percent is not None:
            verdicts.append(now.ms <= before.ms * (1 - goal.faster_percent / 100))
        if goal.times_faster is not None:
            verdicts.append(now.ms * goal.times_faster <= before.ms)
    if goal.max_ms is not None:
        verdicts.append(now.ms <= goal.max_ms)
    if goal.within is not None:
        other = after.get(goal.within.of)
        if other is None or other.error:
            return None
        verdicts.append(now.ms <= other.ms * goal.within.times)
    return all(verdicts)


def _goal_text(goal: Goal) -> str:
    parts = []
    if goal.faster_percent is not None:
        parts.append(f"at least {goal.faster_percent:g} % faster")
    if goal.times_faster is not None:
        parts.append(f"at least {goal.times_faster:g} times faster")
    if goal.max_ms is not None:
        parts.append(f"at most {goal.max_ms:g} ms")
    if goal.within is not None:
        parts.append(f"within {goal.within.times:g} times {goal.within.of}")
    return " and ".join(parts)


def _change(before: float, after: float) -> str:
    if after <= 0 or before <= 0:
        return "not comparable"
    if after <= before:
        return f"{(1 - after / before) * 100:.0f} % faster" + (
            f", {before / after:.0f} times" if before / after >= 2 else ""
        )
    return f"{after / before:.1f} times slower"
