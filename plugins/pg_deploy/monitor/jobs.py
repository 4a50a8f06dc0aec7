"""What is wrong with a job of pg_cron, and since when a run of it is missing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.cron import Cron, Job
from pg_deploy.monitor.runs import JobRuns, OpenRun
from pg_deploy.monitor.schedules import Schedule
from pg_deploy.monitor.thresholds import ViewLimits
from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.secrecy import without_secrets


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what to do about it.

    If another job refreshed the view after `since`, the trouble is harmless. `shared` names a cause that all jobs have at once: their
    troubles are then one alert.
    """

    cause: str
    what_to_do: str
    since: datetime | None = None
    shared: str = ""


@dataclass(frozen=True)
class KnownJob:
    """A job with its runs, the moment since which its schedule is known, and why its runs cannot be seen now, or None."""

    job: Job
    runs: JobRuns
    since: datetime
    why_unseen: str | None = None

    @property
    def due_after(self) -> datetime:
        """The moment after which the next run was due: its newest start, or when this schedule was first seen if that is later."""
        return max(self.runs.started, self.since) if self.runs.started else self.since


@dataclass(frozen=True)
class Due:
    """A moment at which a run is due, and by how many seconds it may be late."""

    at: datetime
    grace_s: float


def format_moment(moment: datetime, now: datetime | None = None) -> str:
    """A moment for a sentence, in UTC; without its date if it lies on the day of `now`."""
    moment = moment.astimezone(timezone.utc)
    today = now is not None and moment.date() == now.astimezone(timezone.utc).date()
    return f"{moment:%H:%M} UTC" if today else f"{moment:%Y-%m-%d %H:%M} UTC"


def find_next_due(known: KnownJob, cron: Cron, limits: ViewLimits) -> Due | None:
    """The first moment after its newest start at which the job was or will be due; None if nobody can know."""
    schedule = cron.schedule_of(known.job)
    if schedule is None or cron.zone is None:
        return None
    due = schedule.after(known.due_after, cron.zone, cron.both_days)
    return None if due is None else Due(due, _grace(schedule, due, cron, limits))


def interval_s(job: Job, now: datetime, cron: Cron) -> float | None:
    """The time between the job's last due moment and its next, in seconds; None if nobody can know."""
    schedule = cron.schedule_of(job)
    if schedule is None or cron.zone is None:
        return None
    if schedule.every is not None:
        return float(schedule.every)
    last, coming = (step(now, cron.zone, cron.both_days) for step in (schedule.until, schedule.after))
    return (coming - last).total_seconds() if last and coming else None


def allowed_age_s(job: Job, now: datetime, cron: Cron, limits: ViewLimits) -> float | None:
    """How old the views that the job refreshes may be now, in seconds: they must hold the last run whose grace is over."""
    schedule = cron.schedule_of(job)
    if schedule is None or cron.zone is None:
        return None
    if schedule.every is not None:
        return schedule.every + limits.grace
    due = schedule.until(now - timedelta(seconds=limits.grace), cron.zone, cron.both_days)
    while due is not None and now < due + timedelta(seconds=_grace(schedule, due, cron, limits)):
        due = schedule.until(due - timedelta(minutes=1), cron.zone, cron.both_days)
    return (now - due).total_seconds() if due else None


def _grace(schedule: Schedule, due: datetime, cron: Cron, limits: ViewLimits) -> float:
    """By how many seconds a run may be late: by half of the shorter pause beside it, within the limits."""
    if schedule.every is not None or cron.zone is None:
        return limits.grace
    earlier = schedule.until(due - timedelta(minutes=1), cron.zone, cron.both_days)
    later = schedule.after(due, cron.zone, cron.both_days)
    pauses = [abs((each - due).total_seconds()) for each in (earlier, later) if each is not None]
    return max(limits.grace, min(min(pauses, default=0.0) / 2, limits.grace_at_most))


def find_trouble(known: KnownJob, cron: Cron, now: datetime, limits: ViewLimits, name: str = "") -> Trouble | None:
    """What is wrong with a job; None if it does what it should, as far as that can be seen.

    `name` is what the cause calls the job, by default `its job … of pg_cron`.
    """
    job, runs = known.job, known.runs
    name = name or f"its job {job.name} of pg_cron"
    if not job.active:
        return Trouble(f"{name} is disabled", f"select cron.alter_job({job.jobid}, active := true)")
    if _is_never_due(job, cron, now):
        return Trouble(
            f"{name} is never started by pg_cron: its schedule is {job.schedule}",
            "write the schedule in five fields, and a range upwards (22-23,0-6)",
        )
    if cron.stopped:
        cause = f"pg_cron starts no jobs, and so not {name}: cron.launch_active_jobs is off"
        return Trouble(cause, "switch cron.launch_active_jobs on", shared="pg_cron starts no jobs")
    if known.why_unseen:
        # What was seen while its runs were visible may be long over.
        return None
    work = runs.at_work
    if runs.hanging is not None and work is None:
        return _hangs(name, runs.hanging, now)
    if runs.status == "failed" and (work is None or runs.failed > 1):
        return Trouble(
            f"{name} fails: {last_message(runs)}",
            f"correct what the message says, or the command with cron.alter_job({job.jobid}, command := …)",
            runs.finished,
        )
    due = find_next_due(known, cron, limits)
    late = due is not None and now >= due.at + timedelta(seconds=due.grace_s)
    if due is not None and runs.ended is not None and runs.ended > due.at:
        # A run that came due while another was at work begins when that one has ended.
        late = late and now >= runs.ended + timedelta(seconds=limits.grace)
    if work is not None:
        interval = interval_s(job, now, cron)
        too_long = late and interval is not None and now - work.since > timedelta(seconds=interval + limits.grace)
        return _works_too_long(name, work, now, interval or 0.0) if too_long else None
    if due is None or not late:
        return None
    return _missed(known, due, cron, now, name)


def _is_never_due(job: Job, cron: Cron, now: datetime) -> bool:
    schedule = cron.schedule_of(job)
    if schedule is None or job.schedule.strip().lower().startswith("@re"):
        return False
    return schedule.after(now, cron.zone or timezone.utc, cron.both_days) is None


def find_trouble_by_view(
    known: KnownJob, unchanged_since: datetime | None, cron: Cron, now: datetime, limits: ViewLimits
) -> Trouble | None:
    """What a view proves about a job whose runs cannot be seen: a run was due, and did not refresh the view.

    `unchanged_since` is the first look that saw the view as it is now, so that nobody has refreshed it since.
    """
    if known.why_unseen is None or unchanged_since is None or not known.job.active:
        return None
    due = find_next_due(KnownJob(known.job, JobRuns(), max(unchanged_since, known.since)), cron, limits)
    # Nobody wrote the runs down, so the proof needs as long as for a view that has no job.
    if due is None or now < max(
        due.at + timedelta(seconds=due.grace_s), unchanged_since + timedelta(seconds=limits.without_schedule)
    ):
        return None
    since = format_moment(unchanged_since, now)
    return Trouble(
        f"its job {known.job.name} of pg_cron was due {format_moment(due.at, now)}, and nobody has refreshed it since {since}"
        f" ({known.why_unseen})",
        f"look at the server's log of that time, and whether the command of job {known.job.jobid} really refreshes it",
        due.at,
    )


def _missed(known: KnownJob, due: Due, cron: Cron, now: datetime, name: str) -> Trouble:
    said = f"{name} did not begin its run of {format_moment(due.at, now)}"
    said += f": it last began {format_moment(known.runs.started, now)}" if known.runs.started else ": it never ran"
    what_to_do = (
        f"see why pg_cron did not start job {known.job.jobid}: whether it is active (cron.job), and the server's log of that time; "
        "if the figures are needed now, trigger this monitor with refresh: all"
    )
    shared = ""
    if cron.server_start is not None and due.at < cron.server_start <= now and not _was_due_since(known.job, cron, now):
        said += f"; the server was started {format_moment(cron.server_start, now)}, and pg_cron does not make up for what was due before"
        what_to_do = "if that cannot wait for the next run, trigger this monitor with refresh: all"
    elif cron.launched is False:
        said += "; pg_cron's launcher does not run"
        what_to_do = (
            "look at the server's log for why pg_cron's launcher ended; a restart of the server starts it again"
        )
        shared = "pg_cron's launcher does not run"
    return Trouble(said, what_to_do, due.at, shared)


def _was_due_since(job: Job, cron: Cron, now: datetime) -> bool:
    """Whether another run was due after the server's start, so that the restart does not explain the missing run."""
    schedule = cron.schedule_of(job)
    if schedule is None or cron.zone is None or cron.server_start is None:
        return False
    coming = schedule.after(cron.server_start, cron.zone, cron.both_days)
    # pg_cron begins within a minute of the server's start.
    return coming is not None and coming + timedelta(minutes=5) < now


def _hangs(name: str, run: OpenRun, now: datetime) -> Trouble:
    who = (
        f"pid {run.pid}, which is gone"
        if run.pid is not None
        else "no session works on it, and no pid was written down"
    )
    return Trouble(
        f"{name} has a run in status {run.status} since {format_moment(run.since, now)} ({who})",
        "there is nothing to terminate: look at the server's log of that time for how its session ended, and whether the next run "
        "begins; if the figures are needed now, trigger this monitor with refresh: all",
        run.since,
    )


def _works_too_long(name: str, run: OpenRun, now: datetime, interval: float) -> Trouble:
    since = format_moment(run.since, now)
    said = f"{name} has been at work since {since} (pid {run.pid}), longer than its interval of {format_duration(interval)}"
    if run.waits_for:
        who = ", ".join(f"pid {pid}" for pid in run.waits_for)
        return Trouble(f"{said}; it waits for a lock of {who}", f"see in pg_stat_activity what {who} does", run.since)
    return Trouble(
        said, "let it end: it is what refreshes the view; then make it quicker, or its interval longer", run.since
    )


def last_message(runs: JobRuns) -> str:
    """The message of the last run, for a sentence, without secrets."""
    return without_secrets(one_line(runs.message or "it left no message"))
