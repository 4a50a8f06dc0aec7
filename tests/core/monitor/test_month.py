"""A month of looks, one every quarter of an hour: all faults of forty faulty jobs are told, and nothing about forty healthy ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import psycopg
import pytest

from pg_deploy.ledger import schema
from pg_deploy.monitor import views
from pg_deploy.monitor.cron import Cron, read_cron
from pg_deploy.monitor.judge import find_breaches
from pg_deploy.monitor.known_jobs_and_views import Memory, as_json, from_json
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Connection, Target
from tests.core.monitor.cases import launcher_stopped, prepare
from tests.core.monitor.minutes import clock
from tests.core.monitor.month import (
    BETWEEN_LOOKS,
    CAUSES,
    DEAD_PID,
    SCHEDULES,
    MadeUpJob,
    Run,
    make_faulty_job,
    make_healthy_job,
    runs_in_order,
)

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = (datetime(2027, *day, 1, tzinfo=timezone.utc) for day in ((3, 28), (10, 31)))


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        pytest.param(SPRING, timedelta(hours=3), timedelta(hours=4), id="a night in spring"),
        pytest.param(AUTUMN, timedelta(hours=36), timedelta(hours=18), id="days in autumn"),
        pytest.param(SPRING, timedelta(days=24), timedelta(days=7), id="a month in spring"),
        pytest.param(AUTUMN, timedelta(days=24), timedelta(days=7), id="a month in autumn"),
    ],
)
def test_a_month_of_healthy_and_faulty_jobs_is_told_as_it_was(
    demo_url: str,
    demo_admin_url: str,
    monkeypatch: pytest.MonkeyPatch,
    change: datetime,
    before: timedelta,
    after: timedelta,
) -> None:
    """Else a missed run is found by a customer, or nights and clock changes wake somebody for nothing."""
    begin, end = change - before, change + after
    minutes = clock(BERLIN, begin - timedelta(days=8), end)
    chance = random.Random(str(change))
    jobs = [make_healthy_job(number, text, minutes, chance, BERLIN) for number, text in enumerate(SCHEDULES)]
    jobs += [
        make_faulty_job(number, text, minutes, chance, begin, change, BERLIN) for number, text in enumerate(SCHEDULES)
    ]
    dynamic = make_healthy_job(0, "*/5 * * * *", minutes, chance, BERLIN, "dynamic")
    monkeypatch.setattr(views, "read_cron", in_berlin)
    with launcher_stopped(demo_admin_url), replaying(demo_admin_url, demo_url, jobs, dynamic, begin) as replay:
        first_told: dict[str, tuple[datetime, str]] = {}
        wrong: list[str] = []
        unknown: set[str] = set()
        memory, at = Memory(), begin
        by_view = {job.view: job for job in jobs}
        while at < end:
            replay.go_on_to(at)
            looked = views.look_at_views(replay.connection, replay.limits.views, memory, now=at)
            assert [one.problem for one in looked.measured] == [None] * len(looked.measured)
            memory = from_json(json.loads(json.dumps(as_json(looked.memory))))
            unknown |= {
                row.object for row in looked.views.rows if row.detail["unknown"] and at > begin + timedelta(days=2)
            }
            for breach in find_breaches(looked.measured, replay.limits):
                for name in (breach.object, *breach.more) if breach.is_alert else ():
                    job = by_view.get(name.replace("_renamed", ""))
                    if job is None or job.since is None or at < job.since or breach.measure != "view_freshness":
                        wrong.append(f"{at} {breach.measure} {name}: {breach.cause}")
                    elif job.view not in first_told:
                        first_told[job.view] = (at, breach.cause)
            at += BETWEEN_LOOKS

    assert not wrong, "\n".join(wrong[:50])
    visible_from = {
        job.view: job.visible_from
        for job in jobs
        if job.visible_from is not None and job.visible_from < end - 2 * BETWEEN_LOOKS
    }
    late = [
        f"{job.name} ({job.schedule}), {job.fault} since {job.since}, visible from {job.visible_from}: {first_told.get(job.view)}"
        for job in jobs
        if job.view in visible_from
        if job.view not in first_told or first_told[job.view][0] > visible_from[job.view] + BETWEEN_LOOKS
    ]
    assert not late, "\n".join(late)
    assert len(visible_from) == 40 or end - begin < timedelta(days=25)
    untrue = [
        f"{job.name} ({job.schedule}), {job.fault}: {first_told[job.view][1]}"
        for job in jobs
        if job.fault and job.view in first_told and CAUSES[job.fault] not in first_told[job.view][1]
    ]
    assert not untrue, "\n".join(untrue)
    assert len(first_told) >= 5
    print(f"{len(visible_from)} faults due to be told, {len(first_told)} told")
    # The age of a view whose job was taken away is not known any more, and its alert says so.
    assert {view for view in unknown if ".v_bad_" not in view} <= {"month.v_dynamic", "month.v_application"}


def in_berlin(connection: Connection) -> tuple[Cron, datetime]:
    """pg_cron as the server shows it, with the time zone of Berlin, a setting that pg_cron 1.4 does not have."""
    cron, now = read_cron(connection)
    return replace(cron, zone=BERLIN), now


class Replay:
    """The database at a moment: all is written that pg_cron and people would have written by then.

    `worker_pid` is the pid of a living session, which every run at work seems to have.
    """

    def __init__(
        self, admin: psycopg.Connection, connection: Connection, jobs: list[MadeUpJob], worker_pid: int
    ) -> None:
        self.connection, self.limits = connection, read_thresholds()
        self._admin, self._worker_pid = admin, worker_pid
        self._coming: list[Run] = list(reversed(runs_in_order(jobs)))
        self._open: list[Run] = []
        self._faulty_jobs = sorted((job for job in jobs if job.since), key=lambda job: str(job.since), reverse=True)
        self._job_ids: dict[str, int] = dict(admin.execute("select jobname, jobid from cron.job").fetchall())
        self._refreshed = datetime.min.replace(tzinfo=timezone.utc)

    def go_on_to(self, now: datetime) -> None:
        """Go on to that moment: write what pg_cron would have written, and do what is done by hand."""
        ended = [run for run in self._open if run.end is not None and run.end <= now]
        self._open = [run for run in self._open if run not in ended]
        new = []
        while self._coming and self._coming[-1].start <= now:
            new.append(self._coming.pop())
        with self._admin.transaction(), self._admin.cursor() as cursor:
            for run in ended:
                cursor.execute(
                    "update cron.job_run_details set status = %s, return_message = %s, end_time = %s"
                    " where jobid = %s and start_time = %s",
                    [run.status, run.message, run.end, self._job_ids[run.job], run.start],
                )
            with cursor.copy(
                "copy cron.job_run_details (jobid, job_pid, database, username, command, status, return_message, start_time,"
                " end_time) from stdin"
            ) as copy:
                for run in new:
                    is_over = run.end is not None and run.end <= now
                    pid = DEAD_PID if run.end is None else self._worker_pid
                    end = (
                        (run.status, run.message, run.start, run.end) if is_over else ("running", None, run.start, None)
                    )
                    copy.write_row([self._job_ids[run.job], pid, "demo", "postgres", "refresh", *end])
            self._open += [run for run in new if run.end is None or run.end > now]
            while self._faulty_jobs and self._faulty_jobs[-1].since and self._faulty_jobs[-1].since <= now:
                self._plant(cursor, self._faulty_jobs.pop())
            if now - self._refreshed > timedelta(hours=12):
                cursor.execute("refresh materialized view month.v_application")
                self._refreshed = now

    def _plant(self, cursor: psycopg.Cursor, job: MadeUpJob) -> None:
        if job.fault == "disabled":
            cursor.execute("update cron.job set active = false where jobname = %s", [job.name])
        elif job.fault == "unscheduled":
            cursor.execute("delete from cron.job where jobname = %s", [job.name])
        elif job.fault == "other database":
            cursor.execute("update cron.job set database = 'postgres' where jobname = %s", [job.name])
        elif job.fault == "renamed":
            cursor.execute(f"alter materialized view {job.view} rename to {job.view.split('.')[1]}_renamed".encode())


@contextmanager
def replaying(admin_url: str, url: str, jobs: list[MadeUpJob], dynamic: MadeUpJob, begin: datetime) -> Iterator[Replay]:
    """Make the views and jobs, with the runs before `begin`; yields the replay, which stands at that moment."""
    prepare(admin_url)
    with (
        psycopg.connect(admin_url, autocommit=True) as admin,
        psycopg.connect(url, autocommit=True, application_name="pg_cron") as worker,
        Target("target_db", url).session("monitor") as connection,
    ):
        admin.execute(
            "delete from cron.job; create schema month authorization postgres; grant all on schema month to public"
        )
        for job in jobs:
            admin.execute("call mon.view(%s)", [job.view])
            admin.execute(
                "select mon.job(%s, %s, %s)",
                [job.name, job.schedule, f"REFRESH MATERIALIZED VIEW CONCURRENTLY {job.view} -- {jobs[0].view}"],
            )
        admin.execute(
            "call mon.view('month.v_dynamic'); call mon.view('month.v_application');"
            " create function month.refresh() returns void language plpgsql as $$ declare v text := 'month.v_dynamic';"
            " begin execute 'refresh materialized view ' || v; end $$;"
            " select mon.job('dynamic', '*/5 * * * *', 'select month.refresh()')"
        )
        schema.ensure(connection)
        replay = Replay(admin, connection, [*jobs, dynamic], worker.info.backend_pid)
        replay.go_on_to(begin)
        yield replay
