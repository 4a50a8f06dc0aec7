"""From measures to alerts: what is beyond its limit, and what of it somebody has to be told now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg.rows import class_row

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.thresholds import Limit, Thresholds
from pg_deploy.postgres.session import Connection, one_line

# More findings than this whose causes differ only in names and numbers are one.
_ALIKE = 3
_NAMES = re.compile(r'"[^"]+"|[\w$]+\.[\w$.]+|\b\d[\d.,:]*')
_NAMED, _LONGEST = 2, 700
# So many times within a day, and then this long away.
_FLAPS, _AWAY = 3, timedelta(hours=1)


@dataclass(frozen=True)
class Finding:
    """A measure beyond its limit; one that is no alert is only worth a look."""

    measure: str
    object: str
    cause: str
    what_to_do: str
    is_alert: bool = True
    more: tuple[str, ...] = ()
    left_out: int = 0

    def named(self, thing: str, link: str) -> str:
        """The cause as the alert of `thing` tells it: with the others of the same cause, and where to see them all."""
        others = [name for name in (self.object, *self.more) if name != thing]
        if not others:
            return self.cause
        rest = len(others) - _NAMED + self.left_out
        said = ", ".join(others[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        return f"{self.cause}; so it is with {said}" + (f": {link}" if link else "")


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
    seen_at: datetime

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
    """All findings, by the limits of the file; a row that brings its own verdict in `detail.alert` keeps it.

    Findings of one cause are one: of a measure that says so in `detail.group`, or many whose causes differ only in names and
    numbers.
    """
    found: dict[tuple[str, str, bool], list[Finding]] = {}
    for one in measured:
        limit = thresholds.of(one.measure)
        for row in one.rows:
            if _is_breach(row, limit):
                finding = _finding(one.measure, row, limit)
                group = row.detail.get("group")
                key = f"group {group}" if group else _NAMES.sub("#", finding.cause.replace(row.object, "#"))
                found.setdefault((one.measure, key, finding.is_alert), []).append(finding)
    judged = []
    for (_, key, _), alike in found.items():
        if len(alike) > (1 if key.startswith("group ") else _ALIKE):
            left_out = sum(each.left_out for each in alike)
            judged.append(replace(alike[0], more=tuple(each.object for each in alike[1:]), left_out=left_out))
        else:
            judged += alike
    return judged


def _is_breach(row: Row, limit: Limit) -> bool:
    if limit.ignores(row.object):
        return False
    if row.detail.get("worth_a_look"):
        return True
    if "alert" in row.detail:
        return bool(row.detail["alert"])
    return row.value is not None and limit.breached_by(row.value)


def _finding(measure: str, row: Row, limit: Limit) -> Finding:
    beyond = f"{row.value:g} {row.unit}" if row.value is not None else "beyond its limit"
    cause = one_line(str(row.detail.get("cause") or beyond))[:_LONGEST]
    return Finding(
        measure,
        row.object,
        cause,
        str(row.detail.get("do") or limit.do),
        limit.alert and not row.detail.get("worth_a_look"),
        left_out=int(row.detail.get("left_out", 0)),
    )


def sync(connection: Connection, findings: Sequence[Finding], measured: Sequence[Measured], link: str = "") -> None:
    """Open an alert for each new finding, keep the open ones, end those that are over. Commits once.

    An alert whose measure could not be measured, or whose object a row holds (`detail.held`), stays open: not seeing it is no
    proof that it is over. One that came and
    went several times within a day stays until it was away for an hour. `link` is where all objects of an alert are listed.
    """
    unseen = [one.measure for one in measured if one.problem]
    out_of_sight = {(one.measure, row.object) for one in measured for row in one.rows if row.detail.get("held")}
    held = open_alerts(connection)
    standing: dict[tuple[str, str], Finding] = {}
    for one in findings:
        if one.is_alert:
            # Of several objects the one that was told first stays, though it may not be the first any more.
            known = next(
                (each.object for each in held if each.measure == one.measure and each.object in one.more), None
            )
            standing[one.measure, one.object if known is None else known] = one
    folded = {(one.measure, name) for one in standing.values() for name in (one.object, *one.more) if one.more}
    with connection.transaction():
        for (measure, thing), one in standing.items():
            connection.execute(
                """insert into deploy_ledger.alert (measure, object, cause, what_to_do) values (%s, %s, %s, %s)
                on conflict (measure, object) where ended_at is null
                    do update set cause = excluded.cause, what_to_do = excluded.what_to_do, seen_at = now()""",
                [measure, thing, one.named(thing, link), one.what_to_do],
            )
        for alert in held:
            named = (alert.measure, alert.object)
            if named in standing or named in out_of_sight or alert.measure in unseen:
                continue
            if (alert.measure, alert.object) in folded:
                # It goes on as part of another one's line.
                connection.execute(
                    "update deploy_ledger.alert set ended_at = now(), end_told_at = now() where id = %s", [alert.id]
                )
            else:
                _end_or_hold(connection, alert)


def _end_or_hold(connection: Connection, alert: Alert) -> None:
    """End an alert, unless it comes and goes: then it is one alert that says so."""
    connection.execute(
        """with before as (
            select count(*) as times, min(b.started_at) as since
            from deploy_ledger.alert b
            where b.measure = %(measure)s
                and b.object = %(object)s
                and b.started_at > now() - interval '24 hours'
        )
        update deploy_ledger.alert a
        set ended_at = case when b.times < %(flaps)s or a.seen_at < now() - %(away)s then now() end,
            cause = case when b.times < %(flaps)s or a.cause like %(mark)s then a.cause else format(
                '%%s; it comes and goes: %%s times since %%s UTC', a.cause, b.times,
                to_char(b.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
            ) end
        from before b
        where a.id = %(id)s""",
        {
            "measure": alert.measure,
            "object": alert.object,
            "id": alert.id,
            "flaps": _FLAPS,
            "away": _AWAY,
            "mark": "%; it comes and goes: %",
        },
    )


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
                "select id, measure, object, cause, what_to_do, started_at, ended_at, told_at, seen_at"  # noqa: S608 - constants
                f" from deploy_ledger.alert where {where} order by started_at, id",
                arguments,
            ).fetchall()
        )
