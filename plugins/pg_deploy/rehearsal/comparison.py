"""Benchmarks of a rehearsal: before and after in turn on one quiet copy, over all rounds together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pg_deploy.deployment import benchmarks as bench
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.benchmark import BenchmarkBefore, ComparedBenchmark, MeasuredBenchmark, Measurement
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection


def compare_rounds(ledger: Connection, migration: Migration, attempt_ids: Sequence[int]) -> list[ComparedBenchmark]:
    """The benchmarks of one migration from the evidence of its attempts on the copy. Reads only."""
    before: dict[str, list[Measurement]] = {}
    after: dict[str, list[Measurement]] = {}
    for attempt_id in attempt_ids:
        for row in evidence.of_attempt(ledger, attempt_id, Kind.BENCHMARK_BEFORE):
            before.setdefault(row.name, []).append(BenchmarkBefore.from_row(row).measurement)
        for row in evidence.of_attempt(ledger, attempt_id, Kind.BENCHMARK):
            after.setdefault(row.name, []).append(MeasuredBenchmark.from_row(row).after)
    merged = {name: _merge(found) for name, found in after.items()}
    outcomes = []
    for benchmark in migration.benchmarks:
        if benchmark.name not in merged:
            continue
        first = _merge(before[benchmark.name]) if benchmark.name in before else None
        agrees = bench.breaches(benchmark, first, merged[benchmark.name])
        result = bench.compare(benchmark, first, merged, agrees=agrees)
        outcomes.append(
            ComparedBenchmark(
                benchmark.name,
                result.sentence,
                result.goal_text,
                result.goal_met,
                result.breached,
                first.ms if first is not None and not first.error else None,
                result.after.ms,
            )
        )
    return outcomes


def _merge(rounds: Sequence[Measurement]) -> Measurement:
    good = [each for each in rounds if not each.error]
    if not good:
        return rounds[-1]
    runs = tuple(run for each in good for run in each.runs_ms)
    blocks = [each.blocks for each in good if each.blocks is not None]
    return Measurement(
        statistics.median(runs),
        runs,
        round(statistics.median(blocks)) if blocks else None,
        good[-1].cost,
        good[-1].plan,
        control_ms=min((each.control_ms for each in good if each.control_ms is not None), default=None),
    )
