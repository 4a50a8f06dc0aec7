"""What a deployment measures just before it changes anything. The watch compares with it if the monitor was not running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.monitor import samples
from pg_deploy.monitor.measures import ENGINE_MEASURES, Measured, Row, monitor_session, run_measure
from pg_deploy.monitor.statements import Counters, Window, read_counters, windows_between, with_most_time
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.postgres.sql_files import engine_text

# The monitor looks every quarter of an hour: a sample of this age is as good as measuring again.
_FRESH = timedelta(minutes=20)
# So many statements are kept: those with the most time.
_KEPT = 150
# For each measure of a share: its counters of good and of bad things, and whether the measure is the share of the good ones.
_SHARES = {
    "cache_hit_ratio": ("hit", "read", True),
    "aborted_transactions": ("committed", "aborted", False),
}
_GAUGE = "connections"


@dataclass(frozen=True)
class MeasuredBefore:
    """Values by measure, statements by `queryid/role`, and, in words, the time over which they were counted (`counted`)."""

    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    statements: Mapping[str, Window] = field(default_factory=dict)
    counted: str = ""
    name: str = "by preflight"
    outcome: str = "measured"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "values": dict(self.values),
            "statements": {
                key: [one.calls, round(one.mean_ms, 3), round(one.mean_blocks, 1)]
                for key, one in self.statements.items()
            },
            "counted": self.counted,
        }

    @classmethod
    def from_row(cls, row: Evidence) -> MeasuredBefore:
        """Back from the ledger."""
        statements = {key: Window(*numbers) for key, numbers in row.detail["statements"].items()}
        return cls(row.detail["values"], statements, row.detail["counted"])


def is_measured_lately(target: Target) -> bool:
    """Whether the last minutes hold a sample with the statements' times, so that nothing has to be measured again. Reads only."""
    with monitor_session(target) as connection:
        row = connection.execute(
            engine_text("""select exists (
                select from deploy_ledger.sample s
                join deploy_ledger.measurement m on m.sample_id = s.id and m.measure = %s and m.rows <> '{}'
                where s.taken_at > now() - %s::interval
            )"""),
            [samples.WINDOWS, _FRESH],
        ).fetchone()
    return bool(row and row[0])


def measure_before_deployment(target: Target, deployment_id: int, outside: Sequence[Measured] = ()) -> MeasuredBefore:
    """Measure what the watch compares, and keep it as evidence of the deployment. Commits once.

    Counts since the monitor's last look, or since the server began to count if the monitor never looked. `outside` was measured
    outside the database. Leaves the monitor's own samples alone, so that the monitor loses nothing that it has yet to tell.
    """
    with monitor_session(target, "measure before") as connection:
        earlier = samples.read_newest_rows(connection)
        values: dict[str, Sequence[float]] = {}
        for measure in (_GAUGE, *_SHARES):
            rows = run_measure(connection, ENGINE_MEASURES / f"{measure}.sql").rows
            measured = _share(measure, rows, earlier.get(measure, ())) if measure in _SHARES else _values(rows)
            if measured:
                values[measure] = measured
        for one in outside:
            if one.problem is None and _values(one.rows):
                values[one.measure] = _values(one.rows)
        last = samples.read_last_counters(connection)
        now = read_counters(connection)
        is_first_look = last is None or bool(last.problem)
        statements = (
            {}
            if now.problem
            else with_most_time(windows_between(Counters() if last is None or is_first_look else last, now), _KEPT)
        )
        counted = (
            "all that the server had counted until then" if is_first_look else "the time since the monitor's last look"
        )
        measured_now = MeasuredBefore(values, statements, counted)
        evidence.record(connection, deployment_id, Kind.MEASURED_BEFORE, measured_now)
    return measured_now


def read_measured_before(connection: Connection, deployment_id: int) -> MeasuredBefore:
    """What the deployment measured before it began; empty if it measured nothing. Reads only."""
    kept = evidence.of_deployment(connection, deployment_id, Kind.MEASURED_BEFORE)
    return MeasuredBefore.from_row(kept[-1]) if kept else MeasuredBefore()


def _values(rows: Sequence[Row]) -> list[float]:
    return [row.value for row in rows if row.value is not None]


def _share(measure: str, rows: Sequence[Row], earlier: Sequence[Row]) -> list[float]:
    """The share, in per cent, of what was counted since `earlier`; of all that was counted if the counters were set back since."""
    good, bad, is_good = _SHARES[measure]
    shares = []
    for row in rows:
        now = {name: float(row.detail[name]) for name in (good, bad)}
        old = {name: float(each.detail[name]) for each in earlier[:1] for name in (good, bad)}
        if all(old.get(name, 0.0) <= now[name] for name in now):
            now = {name: now[name] - old.get(name, 0.0) for name in now}
        total = now[good] + now[bad]
        if total > 0:
            shares.append(round(100 * now[good if is_good else bad] / total, 2))
    return shares
