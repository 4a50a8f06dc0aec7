"""What a deployment measures just before it changes anything: the watch compares with it where the monitor was not running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.monitor import samples
from pg_deploy.monitor.measures import OURS, Measured, Row, monitor_session, run_measure
from pg_deploy.monitor.statements import Counters, Window, most_time, read_counters, windows
from pg_deploy.postgres.session import Connection, Target

# The monitor looks every quarter of an hour: what it has seen within this time is baseline enough.
_FRESH = timedelta(minutes=20)
_KEPT = 150
# By measure: its counters of what is good and of what is bad, and whether the share is that of the good ones.
_SHARES = {
    "cache_hit_ratio": ("hit", "read", True),
    "aborted_transactions": ("committed", "aborted", False),
}
_GAUGE = "connections"


@dataclass(frozen=True)
class Before:
    """Values by measure, statements by `queryid/role`, and since when they were counted, for a sentence."""

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
    def from_row(cls, row: Evidence) -> Before:
        """Back from the ledger."""
        statements = {key: Window(*numbers) for key, numbers in row.detail["statements"].items()}
        return cls(row.detail["values"], statements, row.detail["counted"])


def is_known(target: Target) -> bool:
    """Whether a sample of the last minutes, with the statements' times, makes measuring again needless. Reads only."""
    with monitor_session(target) as connection:
        row = connection.execute(
            """select exists (
                select from deploy_ledger.sample s
                join deploy_ledger.measurement m on m.sample_id = s.id and m.measure = %s and m.rows <> '{}'
                where s.taken_at > now() - %s::interval
            )""",
            [samples.WINDOWS, _FRESH],
        ).fetchone()
    return bool(row and row[0])


def keep_before(target: Target, deployment_id: int, outside: Sequence[Measured] = ()) -> Before:
    """Measure what the watch compares, and keep it as evidence of the deployment. Commits once.

    Counted since the monitor's last look, or, where it never looked, since the server began to count. `outside` is what was
    measured elsewhere. Leaves the monitor's own samples alone, so that nothing that it has yet to tell is lost.
    """
    with monitor_session(target, "measure before") as connection:
        earlier = samples.before(connection)
        values: dict[str, Sequence[float]] = {}
        for measure in (_GAUGE, *_SHARES):
            found = run_measure(connection, OURS / f"{measure}.sql").rows
            known = _share(measure, found, earlier.get(measure, ())) if measure in _SHARES else _values(found)
            if known:
                values[measure] = known
        for one in outside:
            if one.problem is None and _values(one.rows):
                values[one.measure] = _values(one.rows)
        last = samples.last_counters(connection)
        now = read_counters(connection)
        is_new = last is None or bool(last.problem)
        statements = (
            {} if now.problem else most_time(windows(Counters() if last is None or is_new else last, now), _KEPT)
        )
        counted = "all that the server had counted until then" if is_new else "the time since the monitor's last look"
        found_now = Before(values, statements, counted)
        evidence.record(connection, deployment_id, Kind.MEASURED_BEFORE, found_now)
    return found_now


def read_before(connection: Connection, deployment_id: int) -> Before:
    """What was kept, or nothing. Reads only."""
    kept = evidence.of_deployment(connection, deployment_id, Kind.MEASURED_BEFORE)
    return Before.from_row(kept[-1]) if kept else Before()


def _values(rows: Sequence[Row]) -> list[float]:
    return [row.value for row in rows if row.value is not None]


def _share(measure: str, rows: Sequence[Row], earlier: Sequence[Row]) -> list[float]:
    """The share in per cent, of what was counted since `earlier`, which a restart may have set back to nothing."""
    good, bad, is_good = _SHARES[measure]
    found = []
    for row in rows:
        now = {name: float(row.detail[name]) for name in (good, bad)}
        old = {name: float(each.detail[name]) for each in earlier[:1] for name in (good, bad)}
        if all(old.get(name, 0.0) <= now[name] for name in now):
            now = {name: now[name] - old.get(name, 0.0) for name in now}
        total = now[good] + now[bad]
        if total > 0:
            found.append(round(100 * now[good if is_good else bad] / total, 2))
    return found
