"""A made-up month of pg_cron's work: what forty healthy jobs and forty faulty ones write into cron.job_run_details."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from tests.core.monitor.minutes import Minute, clock, dues

EVERY = timedelta(minutes=15)
# A pid far from that of any real process.
DEAD_PID = 4_000_000

SCHEDULES = (
    "* * * * *", "*/2 * * * *", "*/5 * * * *", "*/10 * * * *", "*/15 * * * *", "7 * * * *", "0 */2 * * *", "30 2 * * *",
    "30 1 * * *", "0 3 * * *", "15 0 * * *", "59 23 * * *", "* 9-17 * * 1-5", "*/5 9-17 * * 1-5", "*/10 9-17 * * 0-4",
    "0 6 * * 1-5", "0 22 * * sat,sun", "0 3 * * 0", "0 4 * * 7", "0 5 * * wed", "0 3 1 * *", "0 3 15 * *", "0 3 $ * *",
    "0 0 1 1 *", "0 3 1 4,10 *", "0 12 13 * 5", "0 12 */2 * 1", "0 0,12 * * *", "20 1-3 * * *", "*/30 0-3 * * *",
    "45 2 * * 0", "5 2 28-31 3,10 *", "30 seconds", "10 8,20 * * *", "0 7-19/3 * * *", "1 1 1,11,21 * *", "0 16 * * fri",
    "40 */4 * * *", "3,33 * * * *", "0 1 * * *",
)  # fmt: skip
FAULTS = ("missed", "hanging", "failing", "disabled", "unscheduled", "renamed", "wrong owner", "other database")
SHOWN_WITHOUT_A_RUN = ("disabled", "unscheduled", "renamed", "other database")
WORDS = {
    "missed": "did not begin its run of",
    "hanging": "has a run in status running since",
    "failing": "fails: ERROR: division by zero",
    "disabled": "is disabled",
    "unscheduled": "was deleted",
    "renamed": "until it was renamed",
    "wrong owner": "fails: ERROR: must be owner of materialized view",
    "other database": "works in the database postgres now",
}


@dataclass(frozen=True)
class Run:
    """A row of cron.job_run_details."""

    job: str
    start: datetime
    end: datetime | None
    status: str
    message: str


@dataclass
class MadeUpJob:
    """A job with its runs. `fault` begins at `since`, and an alert has to be open by `seen_by`."""

    name: str
    schedule: str
    runs: list[Run] = field(default_factory=list)
    fault: str | None = None
    since: datetime | None = None
    seen_by: datetime | None = None

    @property
    def view(self) -> str:
        """The view that it refreshes."""
        return f"month.v_{self.name}"


def healthy(
    number: int,
    schedule: str,
    minutes: Sequence[Minute],
    chance: random.Random,
    zone: tzinfo,
    name: str | None = None,
) -> MadeUpJob:
    """A job that does what it should. Its runs are quick, slow, or now and then longer than its interval."""
    made = MadeUpJob(name or f"good_{number}", schedule)
    made.runs = [*_long_ago(made, minutes, zone), *_runs(made.name, _dues(schedule, minutes), number, chance)]
    return made


def _long_ago(made: MadeUpJob, minutes: Sequence[Minute], zone: tzinfo) -> list[Run]:
    """The job's last run before the made-up time, which pg_cron had written down too."""
    if made.schedule.endswith("seconds"):
        return []
    begin = minutes[0].at
    on_any_minute = "* * " + made.schedule.split(maxsplit=2)[2]
    for day in range(1, 400):
        start = begin - timedelta(days=day)
        each_hour = [start + timedelta(hours=hour) for hour in range(24)]
        if any(dues(on_any_minute, clock(zone, at, at + timedelta(minutes=1))) for at in each_hour):
            found = dues(made.schedule, clock(zone, start, start + timedelta(days=1)))
            if found:
                start = found[-1] + timedelta(seconds=1)
                return [Run(made.name, start, start + timedelta(seconds=2), "succeeded", "1 row")]
    return []


def faulty(
    number: int,
    schedule: str,
    minutes: Sequence[Minute],
    chance: random.Random,
    begin: datetime,
    change: datetime,
    zone: tzinfo,
) -> MadeUpJob:
    """A job that has a fault from some moment on, for each eighth job the clock change.

    A job that is hardly ever due gets a fault that shows without a run.
    """
    known = _dues(schedule, minutes)
    end = minutes[-1].at
    last = begin + (end - begin) * 0.7
    rare = not any(last <= due < end - timedelta(hours=7) for due in known)
    fault = (SHOWN_WITHOUT_A_RUN if rare else FAULTS)[number % (len(SHOWN_WITHOUT_A_RUN) if rare else len(FAULTS))]
    made = MadeUpJob(f"bad_{number}", schedule, fault=fault)
    since = (
        change - timedelta(hours=1) if number % 8 == number // 8 else begin + (end - begin) * chance.uniform(0.1, 0.6)
    )
    made.since = since = since.replace(second=17, microsecond=0)
    runs = [*_long_ago(made, minutes, zone), *_runs(made.name, known, 0, chance)]
    made.runs = [run for run in runs if run.start < since]
    later = [run for run in runs if run.start >= since]
    if fault == "missed":
        made.seen_by = _missed_by(schedule, [due for due in known if due >= since], known)
    elif fault in SHOWN_WITHOUT_A_RUN:
        made.seen_by = since
    elif later:
        first = later[0]
        if fault == "hanging":
            made.runs.append(Run(made.name, first.start, None, "running", ""))
            made.seen_by = first.start
        else:
            message = WORDS[fault].removeprefix("fails: ") + (" v" if fault == "wrong owner" else "")
            made.runs += [
                Run(made.name, run.start, run.start + timedelta(seconds=1), "failed", message) for run in later
            ]
            made.seen_by = made.runs[-len(later)].end
    return made


def _dues(schedule: str, minutes: Sequence[Minute]) -> list[datetime]:
    if schedule.endswith("seconds"):
        step = timedelta(seconds=int(schedule.split(maxsplit=1)[0]))
        count = int((minutes[-1].at - minutes[0].at) / step)
        return [minutes[0].at + step * number for number in range(count)]
    return dues(schedule, minutes)


def _runs(name: str, known: Sequence[datetime], kind: int, chance: random.Random) -> Iterator[Run]:
    """One run after the other, as pg_cron queues them: a run that is due while another is at work begins after that one's end."""
    free_at = datetime.min.replace(tzinfo=known[0].tzinfo) if known else datetime.min
    for place, due in enumerate(known):
        pause = (known[place + 1] - due).total_seconds() if place + 1 < len(known) else 3600.0
        share = {0: 0.02, 1: 0.7, 2: 1.4 if place % 3 == 0 else 0.1}[kind % 3]
        took = max(0.2, min(pause * share, 5400.0) * chance.uniform(0.8, 1.1))
        start = max(due + timedelta(seconds=chance.uniform(0.05, 2.0)), free_at + timedelta(seconds=0.2))
        free_at = start + timedelta(seconds=took)
        yield Run(name, start, free_at, "succeeded", "1 row")


def _missed_by(schedule: str, missed: Sequence[datetime], known: Sequence[datetime]) -> datetime | None:
    if not missed:
        return None
    if schedule.endswith("seconds"):
        return missed[0] + timedelta(minutes=16)
    place = known.index(missed[0])
    beside = [abs(known[other] - missed[0]) for other in (place - 1, place + 1) if 0 <= other < len(known)]
    half = min(beside, default=timedelta(days=9)) / 2
    return missed[0] + max(timedelta(minutes=15), min(half, timedelta(hours=6)))


def runs_in_order(jobs: Iterable[MadeUpJob]) -> list[Run]:
    """All runs in the order of their starts."""
    return sorted((run for job in jobs for run in job.runs), key=lambda run: run.start)
