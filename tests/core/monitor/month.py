"""A made-up month of pg_cron's work: what forty healthy jobs and forty faulty ones write into cron.job_run_details."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from tests.core.monitor.minutes import Minute, clock, dues

BETWEEN_LOOKS = timedelta(minutes=15)
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
# Job number n gets the fault number n of these, from the beginning again after the last.
FAULTS = ("missed", "hanging", "failing", "disabled", "unscheduled", "renamed", "wrong owner", "other database")
SHOWN_WITHOUT_A_RUN = ("disabled", "unscheduled", "renamed", "other database")
# What the cause of an alert says of each fault.
CAUSES = {
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
    """A job with its runs. `fault` begins at `since`, and can be seen from `visible_from` on: the next look has to tell it."""

    name: str
    schedule: str
    runs: list[Run] = field(default_factory=list)
    fault: str | None = None
    since: datetime | None = None
    visible_from: datetime | None = None

    @property
    def view(self) -> str:
        """The view that it refreshes."""
        return f"month.v_{self.name}"


def make_healthy_job(
    number: int,
    schedule: str,
    minutes: Sequence[Minute],
    chance: random.Random,
    zone: tzinfo,
    name: str | None = None,
) -> MadeUpJob:
    """A job that does what it should. Its runs are quick, slow, or now and then longer than its interval."""
    made = MadeUpJob(name or f"good_{number}", schedule)
    made.runs = [
        *_last_run_before(made, minutes, zone),
        *_runs(made.name, _due_times(schedule, minutes), number, chance),
    ]
    return made


def _last_run_before(made: MadeUpJob, minutes: Sequence[Minute], zone: tzinfo) -> list[Run]:
    """The job's last run before the first of these minutes, which pg_cron had written down too; none for one of seconds."""
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


def make_faulty_job(
    number: int,
    schedule: str,
    minutes: Sequence[Minute],
    chance: random.Random,
    begin: datetime,
    change: datetime,
    zone: tzinfo,
) -> MadeUpJob:
    """A job that has a fault from some moment on: for each eighth job, an hour before the clock change.

    A job that is hardly ever due gets a fault that shows without a run.
    """
    due_times = _due_times(schedule, minutes)
    end = minutes[-1].at
    # The fault has begun by then, and a run that is due later fails early enough to be told.
    surely_begun = begin + (end - begin) * 0.7
    is_rare = not any(surely_begun <= due < end - timedelta(hours=7) for due in due_times)
    faults = SHOWN_WITHOUT_A_RUN if is_rare else FAULTS
    fault = faults[number % len(faults)]
    made = MadeUpJob(f"bad_{number}", schedule, fault=fault)
    since = (
        change - timedelta(hours=1) if number % 8 == number // 8 else begin + (end - begin) * chance.uniform(0.1, 0.6)
    ).replace(second=17, microsecond=0)
    made.since = since
    runs = [*_last_run_before(made, minutes, zone), *_runs(made.name, due_times, 0, chance)]
    made.runs = [run for run in runs if run.start < since]
    later = [run for run in runs if run.start >= since]
    if fault == "missed":
        made.visible_from = _missed_from(schedule, [due for due in due_times if due >= since], due_times)
    elif fault in SHOWN_WITHOUT_A_RUN:
        made.visible_from = since
    elif later:
        first = later[0]
        if fault == "hanging":
            made.runs.append(Run(made.name, first.start, None, "running", ""))
            made.visible_from = first.start
        else:
            message = CAUSES[fault].removeprefix("fails: ") + (" v" if fault == "wrong owner" else "")
            made.runs += [
                Run(made.name, run.start, run.start + timedelta(seconds=1), "failed", message) for run in later
            ]
            made.visible_from = made.runs[-len(later)].end
    return made


def _due_times(schedule: str, minutes: Sequence[Minute]) -> list[datetime]:
    if schedule.endswith("seconds"):
        step = timedelta(seconds=int(schedule.split(maxsplit=1)[0]))
        count = int((minutes[-1].at - minutes[0].at) / step)
        return [minutes[0].at + step * number for number in range(count)]
    return dues(schedule, minutes)


def _runs(name: str, due_times: Sequence[datetime], kind: int, chance: random.Random) -> Iterator[Run]:
    """One run after the other, as pg_cron queues them: a run that is due while another is at work begins after that one's end.

    `kind` modulo 3: 0 quick runs, 1 runs that take most of the interval, 2 each third run longer than the interval.
    """
    free_at = datetime.min.replace(tzinfo=due_times[0].tzinfo) if due_times else datetime.min
    for place, due in enumerate(due_times):
        interval = (due_times[place + 1] - due).total_seconds() if place + 1 < len(due_times) else 3600.0
        share = {0: 0.02, 1: 0.7, 2: 1.4 if place % 3 == 0 else 0.1}[kind % 3]
        took = max(0.2, min(interval * share, 5400.0) * chance.uniform(0.8, 1.1))
        start = max(due + timedelta(seconds=chance.uniform(0.05, 2.0)), free_at + timedelta(seconds=0.2))
        free_at = start + timedelta(seconds=took)
        yield Run(name, start, free_at, "succeeded", "1 row")


def _missed_from(schedule: str, missed: Sequence[datetime], due_times: Sequence[datetime]) -> datetime | None:
    """When the grace of the first missed run is over, by the shipped limits."""
    if not missed:
        return None
    if schedule.endswith("seconds"):
        return missed[0] + timedelta(minutes=16)
    place = due_times.index(missed[0])
    beside = [abs(due_times[other] - missed[0]) for other in (place - 1, place + 1) if 0 <= other < len(due_times)]
    half = min(beside, default=timedelta(days=9)) / 2
    return missed[0] + max(timedelta(minutes=15), min(half, timedelta(hours=6)))


def runs_in_order(jobs: Iterable[MadeUpJob]) -> list[Run]:
    """All runs in the order of their starts."""
    return sorted((run for job in jobs for run in job.runs), key=lambda run: run.start)
