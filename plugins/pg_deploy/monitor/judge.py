"""From measures to alerts: what is beyond its limit, and what of it somebody has to be told now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.thresholds import Limit, Thresholds
from pg_deploy.session import Connection, one_line

VIEW_TO_DO = (
    "correct its job in cron.job (the cause is above), or list the view under refreshed_by_monitor in thresholds.yaml;"
    " make refresh refreshes it by hand"
)
SLOW_TO_DO = "look at its plan with explain; if the named deployment is the cause, roll it back or add what is missing"


@dataclass(frozen=True)
class Finding:
    """A measure beyond its limit; one that is no alert is only worth a look."""

    measure: str
    object: str
    cause: str
    what_to_do: str
    is_alert: bool = True


@dataclass(frozen=True)
class Alert:
    """One row of deploy_ledger.alert."""

    id: int
    measure: str
    object: str
    cause: str
    what_to_do: str
    started_at: datetime
    ended_at: datetime | None
    told_at: datetime | None

    @property
    def line(self) -> str:
        """`<measure> <object>: <cause>`."""
        return f"{self.measure} {self.object}: {self.cause}"


@dataclass(frozen=True)
class News:
    """What somebody has to be told: alerts that began, that still stand after a day, and that ended."""

    started: tuple[Alert, ...] = ()
    reminders: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.started or self.reminders or self.ended)


def judge(measured: Sequence[Measured], thresholds: Thresholds) -> list[Finding]:
    """All findings, by the limits of the file; a row that brings its own verdict in `detail.alert` keeps it."""
    found = []
    for one in measured:
        limit = thresholds.of(one.measure)
        found += [_finding(one.measure, row, limit) for row in one.rows if _is_breach(row, limit)]
    return found


def _is_breach(row: Row, limit: Limit) -> bool:
    if limit.ignores(row.object):
        return False
    if "alert" in row.detail:
        return bool(row.detail["alert"])
    return row.value is not None and limit.breached_by(row.value)


def _finding(measure: str, row: Row, limit: Limit) -> Finding:
    beyond = f"{row.value:g} {row.unit}" if row.value is not None else "beyond its limit"
    cause = one_line(str(row.detail.get("cause") or beyond))
    return Finding(measure, row.object, cause, str(row.detail.get("do") or limit.do), limit.alert)


def sync(connection: Connection, findings: Sequence[Finding], measured: Sequence[Measured]) -> None:
    """Open an alert for each new finding, keep the open ones, end those that are over. Commits once.

    An alert whose measure could not be measured stays open: not seeing it is no proof that it is over.
    """
    unseen = [one.measure for one in measured if one.problem]
    standing = {(one.measure, one.object): one for one in findings if one.is_alert}
    with connection.transaction():
        for alert in standing.values():
            connection.execute(
                """insert into deploy_ledger.alert (measure, object, cause, what_to_do) values (%s, %s, %s, %s)
                on conflict (measure, object) where ended_at is null
                    do update set cause = excluded.cause, what_to_do = excluded.what_to_do, seen_at = now()""",
                [alert.measure, alert.object, alert.cause, alert.what_to_do],
            )
        for held in open_alerts(connection):
            if (held.measure, held.object) not in standing and held.measure not in unseen:
                connection.execute("update deploy_ledger.alert set ended_at = now() where id = %s", [held.id])


def news(connection: Connection, remind_after_s: float) -> News:
    """What nobody was told yet. Reads only."""
    due = timedelta(seconds=remind_after_s)
    alerts = _alerts(connection, "ended_at is null and (told_at is null or told_at < now() - %s)", [due])
    return News(
        tuple(alert for alert in alerts if alert.told_at is None),
        tuple(alert for alert in alerts if alert.told_at is not None),
        _alerts(connection, "ended_at is not null and end_told_at is null and told_at is not null", []),
    )


def mark_told(connection: Connection, told: News) -> None:
    """Remember that these were told. Commits once."""
    begun = [alert.id for alert in (*told.started, *told.reminders)]
    with connection.transaction():
        connection.execute("update deploy_ledger.alert set told_at = now() where id = any (%s)", [begun])
        connection.execute(
            "update deploy_ledger.alert set end_told_at = now() where id = any (%s)",
            [[alert.id for alert in told.ended]],
        )


def open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """The alerts that stand now, oldest first. Reads only."""
    return _alerts(connection, "ended_at is null", [])


def _alerts(connection: Connection, where: str, arguments: Sequence[object]) -> tuple[Alert, ...]:
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        return tuple(
            cursor.execute(
                "select id, measure, object, cause, what_to_do, started_at, ended_at, told_at"  # noqa: S608 - constants
                f" from deploy_ledger.alert where {where} order by started_at, id",
                arguments,
            ).fetchall()
        )
