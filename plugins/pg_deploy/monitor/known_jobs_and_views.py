"""What the monitor remembers of jobs and views between two looks, by pg_cron's job ids and the views' oids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pg_deploy.monitor.cron import Cron, Job
from pg_deploy.monitor.jobs import KnownJob
from pg_deploy.monitor.runs import JobRuns, Runs
from pg_deploy.monitor.runs import as_json as runs_as_json
from pg_deploy.monitor.runs import from_json as runs_from_json


@dataclass(frozen=True)
class KnownView:
    """A view as the last looks saw it: the names of its jobs by id, its marks, and what the marks tell about refreshes.

    `mark` and `rows_written` change with each refresh. `unchanged_since` is the first look that saw the present ones.
    `changed_between` are the two looks between which they last changed. `rewritten_between` are those between which the rows
    changed, which ALTER and GRANT do not do.
    """

    name: str
    jobs: Mapping[int, str] = field(default_factory=dict)
    mark: str = ""
    rows_written: int = 0
    unchanged_since: datetime | None = None
    changed_between: tuple[datetime, datetime] | None = None
    rewritten_between: tuple[datetime, datetime] | None = None

    def after_look(self, mark: str, rows_written: int, before: datetime | None, now: datetime) -> KnownView:
        """The view after another look; `before` is when the look before it was. Pure."""
        if self.unchanged_since is None:
            return replace(self, mark=mark, rows_written=rows_written, unchanged_since=now)
        if (mark, rows_written) == (self.mark, self.rows_written):
            return self
        between = (before, now) if before else None
        is_same = (_file(mark), rows_written) == (_file(self.mark), self.rows_written)
        return replace(
            self,
            mark=mark,
            rows_written=rows_written,
            unchanged_since=now,
            changed_between=between,
            rewritten_between=self.rewritten_between if is_same else between,
        )


def _file(mark: str) -> str:
    """The part of a mark that changes with the file of the rows, and not by ALTER or GRANT."""
    return mark.partition("/")[0]


@dataclass(frozen=True)
class Memory:
    """What was known after the last look.

    `looked_at` is None before the first look. `schedules` holds, by job id, what decides when the job is due, and since when that is
    known. `due` holds each job's name and when it is due next, and is only written, for the numbers of dashboards. `is_new_database`
    says that the last look was at another database, so that nothing was due before this look.
    """

    looked_at: datetime | None = None
    is_new_database: bool = False
    runs: Runs = field(default_factory=Runs)
    schedules: Mapping[int, tuple[str, datetime]] = field(default_factory=dict)
    views: Mapping[int, KnownView] = field(default_factory=dict)
    due: Mapping[int, tuple[str, datetime | None]] = field(default_factory=dict)

    def known_jobs(self, cron: Cron, runs: Runs, now: datetime) -> dict[int, KnownJob]:
        """Each job with its runs, and since when its schedule is known. No run counts as missed that was due before that."""
        return {
            job.jobid: KnownJob(
                job,
                runs.of(job.jobid),
                self._since(job, cron, runs.of(job.jobid), now),
                runs.why_unseen(job, cron),
            )
            for job in cron.jobs
        }

    def _since(self, job: Job, cron: Cron, runs: JobRuns, now: datetime) -> datetime:
        rules, since = self.schedules.get(job.jobid, (None, now))
        if rules == rules_of(job, cron):
            return since
        # At the first look, the last run proves that the job was scheduled then, unless it was changed after that run.
        changed = runs.started_age is None or job.changed_age < runs.started_age
        return (
            now
            if self.looked_at is not None or self.is_new_database or runs.started is None or changed
            else runs.started
        )


def rules_of(job: Job, cron: Cron) -> str:
    """All that decides when a job is due, as one text to compare."""
    return f"{job.schedule} {job.active} {job.database} {cron.timing_rules}"


def as_json(memory: Memory) -> dict[str, Any]:
    """For the ledger."""
    return {
        "looked_at": memory.looked_at.isoformat() if memory.looked_at else None,
        "runs": runs_as_json(memory.runs),
        "schedules": {str(jobid): [rules, since.isoformat()] for jobid, (rules, since) in memory.schedules.items()},
        "due": {str(jobid): [name, at.isoformat() if at else None] for jobid, (name, at) in memory.due.items()},
        "views": {
            str(oid): [
                view.name,
                {str(jobid): name for jobid, name in view.jobs.items()},
                view.mark,
                view.rows_written,
                view.unchanged_since.isoformat() if view.unchanged_since else None,
                [each.isoformat() for each in view.changed_between] if view.changed_between else None,
                [each.isoformat() for each in view.rewritten_between] if view.rewritten_between else None,
            ]
            for oid, view in memory.views.items()
        },
    }


def from_json(value: Mapping[str, Any]) -> Memory:
    """Back from the ledger. An empty value means a first look, `{"anew": true}` a first look at another database."""
    if not value:
        return Memory()
    if value.get("anew"):
        return Memory(is_new_database=True)
    return Memory(
        datetime.fromisoformat(value["looked_at"]) if value["looked_at"] else None,
        False,
        runs_from_json(value["runs"]),
        {int(jobid): (rules, datetime.fromisoformat(since)) for jobid, (rules, since) in value["schedules"].items()},
        {int(oid): _view(*each) for oid, each in value["views"].items()},
    )


def _view(
    name: str,
    jobs: Mapping[str, str],
    mark: str,
    rows_written: int,
    unchanged_since: str | None,
    changed_between: Any,
    rewritten_between: Any = None,
) -> KnownView:
    return KnownView(
        name,
        {int(jobid): job for jobid, job in jobs.items()},
        mark,
        rows_written,
        datetime.fromisoformat(unchanged_since) if unchanged_since else None,
        _between(changed_between),
        _between(rewritten_between),
    )


def _between(value: Any) -> tuple[datetime, datetime] | None:
    return (datetime.fromisoformat(value[0]), datetime.fromisoformat(value[1])) if value else None
