"""The measures of pg_cron's own tables: the failing jobs of every database, and a record of runs that only grows."""

from __future__ import annotations

import re
from collections.abc import Collection

import psycopg

from pg_deploy.monitor.jobs import format_moment, last_message
from pg_deploy.monitor.measures import Measured, Row, explain_error, set_deadlines
from pg_deploy.monitor.verdicts import Look
from pg_deploy.postgres.session import Connection
from pg_deploy.presentation.sizes import format_size

FAILURES = "cron_failures"
HISTORY = "cron_history"
_PURGES = re.compile(
    r"delete\s+from\s+cron\.job_run_details|truncate\s.*cron\.job_run_details", re.IGNORECASE | re.DOTALL
)


def measure_cron(connection: Connection, look: Look, told_jobs: Collection[int | None]) -> tuple[Measured, ...]:
    """The failing jobs that no view's alert tells (`told_jobs`), and the size of cron.job_run_details. Reads only."""
    rows = []
    for jobid, known in look.known.items():
        job, runs = known.job, known.runs
        if not job.active or runs.status != "failed" or jobid in told_jobs:
            continue
        where = "" if job.here else f" (database {job.database})"
        when = f" of {format_moment(runs.finished, look.now)}" if runs.finished else ""
        cause = f"the last run{when} of job {jobid} failed: {last_message(runs)[:200]}"
        names = [look.names[oid] for oid in look.refreshes[jobid].perhaps] if jobid in look.refreshes else []
        if names:
            cause += f"; it may refresh {', '.join(names[:3])}" + (
                f" and {len(names) - 3} more" if len(names) > 3 else ""
            )
        rows.append(
            Row(f"{job.name}{where}", max(runs.failed, 1), "failed runs in a row", {"jobid": jobid, "cause": cause})
        )
    return (Measured(FAILURES, tuple(rows)), _measure_history(connection, look))


def _measure_history(connection: Connection, look: Look) -> Measured:
    """How many runs pg_cron has kept, and why this look has not read all of them, if it has not."""
    try:
        with connection.transaction():
            set_deadlines(connection)
            row = connection.execute(
                "select count(*) filter (where place = 1), max(runid) - min(runid) + 1, min(start_time), pg_relation_size(%s::regclass)"
                " from ((select 1 as place, runid, start_time from cron.job_run_details order by runid limit 1)"
                " union all (select 2, runid, null from cron.job_run_details order by runid desc limit 1)) r",
                ["cron.job_run_details"],
            ).fetchone()
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return explain_error(HISTORY, error)
    if row is None or not row[0]:
        return Measured(HISTORY, problem=look.runs_problem)
    _, count, first, size = row
    purging = next((known.job.name for known in look.known.values() if _PURGES.search(known.job.command)), None)
    since = f" since {format_moment(first)}" if first else ""
    kept = f"about {count} runs{since} in {format_size(size)}"
    if purging:
        cause = f"{kept}, though job {purging} purges them"
        do = f"let job {purging} purge more often, or keep less"
    else:
        cause = f"{kept}: nothing purges them, and every look at them takes longer"
        do = (
            "select cron.schedule('purge-job-run-details', '30 3 * * *',"
            " $$delete from cron.job_run_details where end_time < now() - interval '14 days'$$)"
        )
    return Measured(
        HISTORY, (Row("cron.job_run_details", count, "runs", {"cause": cause, "do": do}),), look.runs_problem
    )
