"""pg_cron's schedules, compared with an enumeration of every minute."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from pg_deploy.monitor.schedules import read_schedule
from tests.core.monitor.minutes import clock, dues

UTC = timezone.utc
SCHEDULES = (
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "30 1 * * *",
    "*/10 9-17 * * 1-5",
    "0 3 * * 0",
    "0 3 * * 7",
    "15 23 * * sat,sun",
    "0 3 1 * *",
    "0 3 $ * *",
    "30 23 $ * *",
    "0 9 27 * 1",
    "0 0 */2 * 1",
    "5,35 0,12 1-15/3 mar,oct mon-fri",
    "59 23 31 * *",
)
# Berlin and New York change at night, Havana at midnight, Lord Howe by half an hour.
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("month", [3, 10])
def test_dues_are_those_of_each_minute_also_when_the_clock_changes(zone: str, month: int) -> None:
    """Else a run at the hour that is left out, or comes twice, is missed or demanded."""
    begin = datetime(2027, month, 1, tzinfo=UTC)
    end = begin + timedelta(days=35)
    every_minute = clock(ZoneInfo(zone), begin, end)
    chance = random.Random(f"{zone} {month}")
    for text in SCHEDULES:
        schedule = read_schedule(text)
        assert schedule is not None
        known = dues(text, every_minute)
        assert known, text
        for moment in [begin + (end - begin) * chance.random() for _ in range(20)] + known[:5] + known[-5:]:
            place = bisect_right(known, moment)
            if place < len(known):
                assert schedule.after(moment, ZoneInfo(zone)) == known[place], (text, moment)
            if place > 0:
                assert schedule.until(moment, ZoneInfo(zone)) == known[place - 1], (text, moment)


@pytest.mark.parametrize(
    ("text", "at", "due"),
    [
        ("0 0 1 1 *", "2026-11-29 10:30", "2026-01-01 00:00"),
        ("0 3 1 4,10 *", "2026-11-29 10:30", "2026-10-01 03:00"),
        ("0 0 29 2 *", "2026-11-29 10:30", "2024-02-29 00:00"),
        ("@daily", "2026-11-29 10:30", "2026-11-29 00:00"),
        ("@weekly", "2026-11-28 10:30", "2026-11-22 00:00"),
        ("@hourly", "2026-11-29 10:30", "2026-11-29 10:00"),
    ],
)
def test_long_pauses_are_read_as_they_are(text: str, at: str, due: str) -> None:
    """Else a yearly job is stale after a month."""
    schedule = read_schedule(text)
    assert schedule is not None
    moment = datetime.fromisoformat(f"{at}+00:00")
    assert schedule.until(moment, UTC) == datetime.fromisoformat(f"{due}+00:00")


@pytest.mark.parametrize("text", ["nonsense", "5/10 * * * *", "60 * * * *", "* * 0 * *", "* * * *", "* * * foo *", ""])
def test_what_pg_cron_refuses_is_no_schedule(text: str) -> None:
    """Else a guess decides when a run is missing."""
    assert read_schedule(text) is None


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("0 */24 * * *", {0}),
        ("0 1-23/30 * * *", {1}),
        ("0 22-6 * * *", {22, 23, 0, 1, 2, 3, 4, 5, 6}),
        ("0 6-5 * * *", set()),
    ],
)
def test_steps_and_ranges_that_lead_out_of_a_field_are_read_as_pg_cron_does(text: str, hours: set[int]) -> None:
    """Else a job that works each night has no due time, or one that never starts passes for a fresh one."""
    schedule, old = read_schedule(text, True), read_schedule(text, False)
    assert schedule is not None
    assert old is not None
    assert set(schedule.hours) == hours
    # A range that runs backwards was nothing before 1.6, and nobody knows of the versions in between.
    backwards = text.split()[1].count("-") == 1 and "/" not in text
    assert set(old.hours) == (set() if backwards else hours)
    assert (read_schedule(text, None) is None) == backwards
    assert schedule.is_ever_due == bool(hours)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30,31 2 */3", "0 0 * * 6-2"])
def test_a_day_that_never_comes_is_never_due(text: str) -> None:
    """Else nobody learns that pg_cron never starts the job."""
    schedule = read_schedule(text, True)
    assert schedule is None or schedule.after(datetime(2026, 11, 29, tzinfo=UTC), UTC) is None


def test_seconds_are_an_interval_and_a_start_is_never_due() -> None:
    """Else a job of every 30 seconds cannot be judged at all, or one of @reboot is always late."""
    seconds, reboot, yearly = read_schedule("30 seconds"), read_schedule("@reboot"), read_schedule("@yearly")
    now = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)
    assert seconds is not None
    assert reboot is not None
    assert yearly is not None
    assert seconds.after(now, UTC) == now + timedelta(seconds=30)
    # pg_cron sets no month for @yearly, and so never starts such a job.
    assert (reboot.after(now, UTC), yearly.after(now, UTC)) == (None, None)


def test_both_days_have_to_match_if_the_server_says_so() -> None:
    """Else cron.match_dom_and_dow makes every job look as if it had missed its runs."""
    schedule = read_schedule("0 0 13 * 5")
    assert schedule is not None
    start = datetime(2026, 11, 14, tzinfo=UTC)
    assert schedule.after(start, UTC) == datetime(2026, 11, 20, tzinfo=UTC)
    assert schedule.after(start, UTC, both=True) == datetime(2027, 8, 13, tzinfo=UTC)
