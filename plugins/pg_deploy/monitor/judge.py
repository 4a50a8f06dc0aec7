"""From measures to alerts: what is beyond its limit, and which of that somebody has to be told now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg.rows import class_row

from pg_deploy.monitor import application_side
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.thresholds import Limit, Thresholds
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_text

# More breaches than this are one alert, if their causes differ only in names and numbers.
_ALIKE = 3
_NAMES = re.compile(r'"[^"]+"|[\w$]+\.[\w$.]+|\b\d[\d.,:]*')
# So many of the other objects an alert names, and so many characters of its cause it tells.
_NAMED, _LONGEST = 2, 700
# An alert that opened so often within a day ends only after it was away for this long.
_FLAPS, _AWAY = 3, timedelta(hours=1)


@dataclass(frozen=True)
class Breach:
    """An object whose measure is beyond its limit. If it is no alert, it is only worth a look.

    `more` are the other objects of the same cause, `left_out` counts those that the sample did not keep.
    """

    measure: str
    object: str
    cause: str
    what_to_do: str
    is_alert: bool = True
    more: tuple[str, ...] = ()
    left_out: int = 0

    def cause_with_others(self, thing: str, link: str) -> str:
        """The cause as the alert about `thing` tells it: with the other objects of the same cause, and where to see them all."""
        others = [name for name in (self.object, *self.more) if name != thing]
        if not others:
            return self.cause
        rest = len(others) - _NAMED + self.left_out
        named = ", ".join(others[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        return f"{self.cause}; the same holds for {named}" + (f": {link}" if link else "")


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
    """What somebody has to be told: alerts that began, open alerts of which it is time to remind, and alerts that ended."""

    started: tuple[Alert, ...] = ()
    reminders: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.started or self.reminders or self.ended)


def find_breaches(measured: Sequence[Measured], thresholds: Thresholds) -> list[Breach]:
    """All breaches of the limits. A row that has a verdict of its own in `detail.alert` keeps it. Pure.

    Breaches of one measure are one if they have the same `detail.group`, or if they are many and their causes differ only in names
    and numbers.
    """
    alike_by_cause: dict[tuple[str, str, bool], list[Breach]] = {}
    for one in measured:
        limit = thresholds.of(one.measure)
        for row in one.rows:
            if _is_breach(row, limit):
                breach = _breach(one.measure, row, limit)
                group = row.detail.get("group")
                key = f"group {group}" if group else _NAMES.sub("#", breach.cause.replace(row.object, "#"))
                alike_by_cause.setdefault((one.measure, key, breach.is_alert), []).append(breach)
    judged = []
    for (_, key, _), alike in alike_by_cause.items():
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


def _breach(measure: str, row: Row, limit: Limit) -> Breach:
    beyond = f"{row.value:g} {row.unit}" if row.value is not None else "beyond its limit"
    cause = one_line(str(row.detail.get("cause") or beyond))[:_LONGEST]
    return Breach(
        measure,
        row.object,
        cause,
        str(row.detail.get("do") or limit.do),
        limit.alert and not row.detail.get("worth_a_look"),
        left_out=int(row.detail.get("left_out", 0)),
    )


def sync_alerts(
    connection: Connection,
    breaches: Sequence[Breach],
    measured: Sequence[Measured],
    thresholds: Thresholds,
    link: str = "",
) -> None:
    """Open an alert for each new breach, keep the open ones, and end those that are over. Commits once.

    An alert stays open if its measure could not be measured, if a measure of the application's side is not in the sample, or if the
    row of its object says `detail.held`: not seeing a trouble does not prove that it is over. An alert that came and went several
    times within a day stays open until it was away for an hour. It ends if the limits ignore its object. `link` is the address
    where all objects of an alert are listed.
    """
    seen = {one.measure for one in measured if not one.problem}
    unseen = {one.measure for one in measured if one.problem} | set(application_side.MEASURES) - seen
    out_of_sight = {(one.measure, row.object) for one in measured for row in one.rows if row.detail.get("held")}
    open_before = read_open_alerts(connection)
    standing: dict[tuple[str, str], Breach] = {}
    for one in breaches:
        if one.is_alert:
            # The alert keeps the object under which it was first told, though another object may come first by now.
            known = next(
                (each.object for each in open_before if each.measure == one.measure and each.object in one.more), None
            )
            standing[one.measure, one.object if known is None else known] = one
    folded = {(one.measure, name) for one in standing.values() for name in (one.object, *one.more) if one.more}
    with connection.transaction():
        for (measure, thing), one in standing.items():
            connection.execute(
                engine_text("""insert into deploy_ledger.alert (measure, object, cause, what_to_do) values (%s, %s, %s, %s)
                on conflict (measure, object) where ended_at is null
                    do update set cause = excluded.cause, what_to_do = excluded.what_to_do, seen_at = now()"""),
                [measure, thing, one.cause_with_others(thing, link), one.what_to_do],
            )
        for alert in open_before:
            named = (alert.measure, alert.object)
            is_unseen = named in out_of_sight or alert.measure in unseen
            if named in standing or (is_unseen and not thresholds.of(alert.measure).ignores(alert.object)):
                continue
            if named in folded:
                # It goes on as part of another alert, so its end is not told.
                connection.execute(
                    engine_text("update deploy_ledger.alert set ended_at = now(), end_told_at = now() where id = %s"),
                    [alert.id],
                )
            else:
                _end_or_hold(connection, alert)


def _end_or_hold(connection: Connection, alert: Alert) -> None:
    """End an alert. One that comes and goes stays open, and its cause says so."""
    connection.execute(
        engine_text("""with before as (
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
        where a.id = %(id)s"""),
        {
            "measure": alert.measure,
            "object": alert.object,
            "id": alert.id,
            "flaps": _FLAPS,
            "away": _AWAY,
            "mark": "%; it comes and goes: %",
        },
    )


def read_news(connection: Connection, remind_after_s: float) -> News:
    """What has to be told now. An open alert that was told comes again after `remind_after_s` seconds. Reads only."""
    due = timedelta(seconds=remind_after_s)
    alerts = _read_alerts(connection, "ended_at is null and (told_at is null or told_at < now() - %s)", [due])
    return News(
        tuple(alert for alert in alerts if alert.told_at is None),
        tuple(alert for alert in alerts if alert.told_at is not None),
        _read_alerts(connection, "ended_at is not null and end_told_at is null and told_at is not null", []),
    )


def mark_told(connection: Connection, told: News) -> None:
    """Write down that these alerts were told. Commits once."""
    begun = [alert.id for alert in (*told.started, *told.reminders)]
    with connection.transaction():
        connection.execute(engine_text("update deploy_ledger.alert set told_at = now() where id = any (%s)"), [begun])
        connection.execute(
            engine_text("update deploy_ledger.alert set end_told_at = now() where id = any (%s)"),
            [[alert.id for alert in told.ended]],
        )


def read_open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """The alerts that are open now, the oldest first. Reads only."""
    return _read_alerts(connection, "ended_at is null", [])


def _read_alerts(connection: Connection, where: str, arguments: Sequence[object]) -> tuple[Alert, ...]:
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        return tuple(
            cursor.execute(
                engine_text(
                    "select id, measure, object, cause, what_to_do, started_at, ended_at, told_at, seen_at"  # noqa: S608 - constants
                    f" from deploy_ledger.alert where {where} order by started_at, id"
                ),
                arguments,
            ).fetchall()
        )
