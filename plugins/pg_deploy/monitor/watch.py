"""The watch after a deployment: is the database better, the same, or worse than before?"""

from __future__ import annotations

import json
import statistics as stats
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

from pg_deploy.configuration.dag_names import names_beside
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.benchmark import MeasuredBenchmark
from pg_deploy.ledger.kinds.criteria import pinned_criteria
from pg_deploy.ledger.word_enum import Word
from pg_deploy.migrations.project_criteria import NextStep, NextSteps
from pg_deploy.monitor.before_deployment import MeasuredBefore, read_measured_before
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import EndedDeployment, read_statement_history, read_values
from pg_deploy.monitor.statements import Window
from pg_deploy.monitor.thresholds import WatchLimits
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text

MEASURE = "watch"
# So many looks on each side, an hour of them: a busy minute must not wake anybody.
_ENOUGH = 4
# The measure, its words, whether more is better, and the smallest change in its unit that means anything.
_CRITERIA = (
    ("connections", "connections in use", False, 5.0),
    ("cpu", "CPU", False, 5.0),
    ("api_latency", "API response time", False, 10.0),
    ("cache_hit_ratio", "cache hits", True, 1.0),
    ("redis_hit_rate", "Redis hits", True, 2.0),
    ("aborted_transactions", "aborted transactions", False, 1.0),
)


class Change(Word):
    """What became of one thing since the deployment."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"

    @property
    def mark(self) -> str:
        """The mark before its line."""
        match self:
            case Change.BETTER:
                return "✓"
            case Change.SAME:
                return "·"
            case Change.WORSE:
                return "✗"


@dataclass(frozen=True)
class WatchedCriterion:
    """One criterion: its figures before and after, and the change in per cent (positive: more).

    `firm` is true if it rests on enough looks.
    """

    name: str
    before: float
    after: float
    unit: str
    change: float
    verdict: Change
    firm: bool = True

    @property
    def sentence(self) -> str:
        """The criterion in one line of the page."""
        few = "" if self.firm else "; it rests on few looks"
        figures = f"{self.before:.4g} -> {self.after:.4g} {self.unit} ({self.change:+.0f} %)"
        return f"{self.verdict.mark} {self.name}: {self.verdict}, {figures}{few}"


@dataclass(frozen=True)
class _Verdict:
    """The last verdict, as evidence of the deployment; `name` is how long it was watched."""

    name: str
    outcome: str
    criteria: Sequence[WatchedCriterion]
    markdown: str

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"criteria": [asdict(one) for one in self.criteria], "markdown": self.markdown}


@dataclass(frozen=True)
class Watched:
    """The page's lines, the measure that is judged, and the last report when the watch is over, else None."""

    lines: tuple[str, ...] = ()
    measured: Measured | None = None
    report: str | None = None


def watch_deployment(
    connection: Connection, limits: WatchLimits, deployed: EndedDeployment | None, target: str
) -> Watched:
    """Compare the time since a deployment with the time before it. Writes the last verdict as evidence, once."""
    if deployed is None:
        return Watched()
    now = datetime.now(timezone.utc)
    over = now >= deployed.ended_at + timedelta(seconds=limits.lasts)
    if over and evidence.of_deployment(connection, deployed.id, Kind.WATCH):
        return Watched()
    until = min(now, deployed.ended_at + timedelta(seconds=limits.lasts))
    before = read_measured_before(connection, deployed.id)
    criteria = _compare(connection, limits, deployed, until, before)
    head = f"{deployed.name}, {format_duration((until - deployed.ended_at).total_seconds())} after its end"
    if not criteria:
        lines = [f"{head}:", "nothing to compare yet: no sample from before it, or too little traffic before or since"]
    else:
        lines = [f"{head}: {_overall(criteria)}", *(one.sentence for one in criteria)]
        if before.counted:
            lines.append(f"· the deployment itself measured what was before it, over {before.counted}")
    lines += _benchmark_summary(connection, deployed)
    worse = [one for one in criteria if one.verdict == Change.WORSE and one.firm and abs(one.change) >= limits.worse]
    conf = json.dumps({"target": target, "deployment": str(deployed.id)})
    undoing = names_beside(deployed.dag_id).rollback
    rows = tuple(
        Row(
            f"deployment {deployed.id} {one.name}",
            one.change,
            "%",
            {
                "alert": not over,
                "cause": f"{one.name} is worse since {deployed.name}: {one.before:.4g} -> {one.after:.4g} {one.unit}",
                "do": f"look at it, and if the deployment is to blame trigger {undoing} with the conf {conf}",
            },
        )
        for one in worse
    )
    report = _markdown(connection, deployed, criteria, limits) if over else None
    if report is not None:
        evidence.record(
            connection,
            deployed.id,
            Kind.WATCH,
            _Verdict(
                "48 hours" if limits.lasts == 172800 else format_duration(limits.lasts),
                _overall(criteria),
                criteria,
                report,
            ),
        )
    return Watched(tuple(lines), Measured(MEASURE, rows), report)


def _compare(
    connection: Connection, limits: WatchLimits, deployed: EndedDeployment, until: datetime, kept: MeasuredBefore
) -> list[WatchedCriterion]:
    start = deployed.ended_at - timedelta(seconds=limits.baseline)
    criteria = []
    queries = _queries(connection, start, deployed.ended_at, until, kept)
    if queries:
        before_ms, after_ms, looks = queries
        criteria.append(
            _criterion("query time", before_ms, after_ms, "ms a call", False, 0.0, limits, looks >= _ENOUGH)
        )
    for measure, name, more_is_better, least in _CRITERIA:
        before = [*read_values(connection, measure, start, deployed.ended_at), *kept.values.get(measure, ())]
        after = read_values(connection, measure, deployed.ended_at, until)
        if before and after:
            unit = "ms" if measure == "api_latency" else "%"
            firm = min(len(before), len(after)) >= _ENOUGH
            criteria.append(
                _criterion(name, stats.median(before), stats.median(after), unit, more_is_better, least, limits, firm)
            )
    return criteria


def _queries(
    connection: Connection, start: datetime, deployed_at: datetime, until: datetime, kept: MeasuredBefore
) -> tuple[float, float, int] | None:
    """The mean ms a call, before and after, of the queries that ran on both sides, and how many looks saw calls of them.

    The looks are those of the side with fewer.
    Both means are weighted by the calls after the deployment. None if there were too few calls.
    """
    history = read_statement_history(connection, since=start)
    until_then = [kept.statements, *(window for at, window in history if at < deployed_at)]
    before = _means(until_then)
    since = [window for at, window in history if deployed_at <= at <= until]
    after = _means(since)
    both = before.keys() & after.keys()
    calls = sum(after[key].calls for key in both)
    if not both or calls < 10:
        return None
    return (
        sum(before[key].mean_ms * after[key].calls for key in both) / calls,
        sum(after[key].mean_ms * after[key].calls for key in both) / calls,
        min(sum(not both.isdisjoint(window) for window in side) for side in (until_then, since)),
    )


def _means(kept: Iterable[Mapping[str, Window]]) -> dict[str, Window]:
    totals: dict[str, list[float]] = {}
    for windows in kept:
        for key, window in windows.items():
            total = totals.setdefault(key, [0.0, 0.0])
            total[0] += window.calls
            total[1] += window.total_ms
    return {key: Window(calls, total / calls, 0.0) for key, (calls, total) in totals.items() if calls}


def _criterion(
    name: str,
    before: float,
    after: float,
    unit: str,
    more_is_better: bool,
    least: float,
    limits: WatchLimits,
    firm: bool,
) -> WatchedCriterion:
    change = (after - before) / max(abs(before), 1e-9) * 100
    if abs(change) < limits.noticeable or abs(after - before) < least:
        verdict = Change.SAME
    else:
        verdict = Change.BETTER if (after > before) == more_is_better else Change.WORSE
    return WatchedCriterion(name, before, after, unit, min(change, 99999.0), verdict, firm)


def _overall(criteria: Sequence[WatchedCriterion]) -> str:
    verdicts = {one.verdict for one in criteria}
    if not criteria:
        return "nothing to compare"
    if Change.WORSE in verdicts:
        return Change.WORSE if Change.BETTER not in verdicts else "better in part, worse in part"
    return Change.BETTER if Change.BETTER in verdicts else Change.SAME


def _benchmark_summary(connection: Connection, deployed: EndedDeployment) -> list[str]:
    benchmarks = _measured_benchmarks(connection, deployed)
    times = [(each.before.ms, each.after.ms) for each in benchmarks if each.before and not each.before.error]
    if not times:
        return []
    faster = sum(after < before for before, after in times)
    goals = [each.goal_met for each in benchmarks if each.goal_met is not None]
    return [
        f"· the deployment's own benchmarks: {faster} of {len(times)} faster, {sum(goals)} of {len(goals)} goals met"
        " (each is in its report)"
    ]


def _benchmark_lines(connection: Connection, deployed: EndedDeployment) -> list[str]:
    return [
        f"benchmark {each.name.replace('_', ' ')}, measured by the deployment: {each.sentence}"
        for each in _measured_benchmarks(connection, deployed)
    ]


def _measured_benchmarks(connection: Connection, deployed: EndedDeployment) -> list[MeasuredBenchmark]:
    rows = evidence.of_deployment(connection, deployed.id, Kind.BENCHMARK)
    return [MeasuredBenchmark.from_row(row) for row in rows if not row.is_of_copy]


def _markdown(
    connection: Connection, deployed: EndedDeployment, criteria: Sequence[WatchedCriterion], limits: WatchLimits
) -> str:
    lines = [
        f"## {deployed.name}: {_overall(criteria)}",
        "",
        f"Ended {deployed.ended_at:%Y-%m-%d %H:%M} UTC, watched for {format_duration(limits.lasts)} and compared with"
        f" {format_duration(limits.baseline)} before.",
        "",
        "| criterion | before | after | change | verdict |",
        "|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.before:.4g} {one.unit} | {one.after:.4g} {one.unit} | {one.change:+.0f} % | {one.verdict} |"
            for one in criteria
        ),
        "",
        *(f"- {line}" for line in _benchmark_lines(connection, deployed)),
    ]
    steps = _next_steps(connection, criteria, pinned_criteria(connection, deployed.id).next_steps)
    if steps:
        lines += ["", "### Next steps", "", *(f"- {line}" for line in steps)]
    return "\n".join(lines)


def _next_steps(connection: Connection, criteria: Sequence[WatchedCriterion], wanted: NextSteps) -> list[str]:
    """What is to be done, what the project wants to be told of in any case, and the project's own lines."""
    judged: dict[NextStep, tuple[bool, str]] = {
        "cache_hits": _judge_redis_hits(next((one for one in criteria if one.name == "Redis hits"), None)),
        "slow_queries": _judge_slow_queries(connection),
    }
    said = [line for name, (is_work, line) in judged.items() if is_work or name in wanted.judged]
    return [*said, *wanted.lines]


def _judge_redis_hits(hits: WatchedCriterion | None) -> tuple[bool, str]:
    """Whether the TTLs of the cache have to be changed, and a line about them."""
    if hits is None:
        return False, "cache TTLs: not judged, as Redis was not measured both before and after the deployment"
    found = f"cache TTLs: {hits.after:.0f} % of the look-ups hit"
    if hits.after < 80:
        return True, f"{found}; longer TTLs, up to the views' interval, would help"
    return False, f"{found}; leave them"


def _judge_slow_queries(connection: Connection) -> tuple[bool, str]:
    """Whether a query would gain from a materialized view, and a line about it. Reads only."""
    row = connection.execute(
        # Only the newest look counts: what was slow before it may be quick again.
        engine_text("""select r.value ->> 'object', (r.value ->> 'value')::float8, r.value -> 'detail' ->> 'text'
        from (
            select m.rows
            from deploy_ledger.measurement m
            where m.measure = 'top_queries' and m.problem is null
            order by m.sample_id desc
            limit 1
        ) newest
        cross join lateral jsonb_array_elements(newest.rows) r
        where r.value -> 'detail' ->> 'list' = 'total'
            and (r.value ->> 'value')::float8 > 100
        order by (r.value -> 'detail' ->> 'total_ms')::float8 desc
        limit 1""")
    ).fetchone()
    if row is None:
        return (
            False,
            "more materialized views: none is needed, as none of the costliest queries takes over 100 ms a call",
        )
    return True, f"more materialized views: {row[0]} takes {row[1]:.0f} ms a call and is a candidate: `{row[2]}`"
