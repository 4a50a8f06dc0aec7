"""Whether a view is as fresh as it should be, and if not, why: judged from what was read, without asking anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pg_deploy.duration import format_duration
from pg_deploy.monitor.cron import Cron
from pg_deploy.monitor.jobs import Known, Trouble, allowed_s, at, message, pause_s, trouble_of
from pg_deploy.monitor.measures import Row
from pg_deploy.monitor.refreshers import Refreshes
from pg_deploy.monitor.remembered import KnownView
from pg_deploy.monitor.thresholds import Views

LOCKED = "its lock is held by"
_AGAIN = (
    "schedule its refresh again with cron.schedule, or name it in thresholds.yaml: under refreshed_elsewhere where the"
    " application or another scheduler looks after it, under refreshed_by_monitor where this monitor should"
)
# A run begins some moments before its transaction.
_ROUNDING_S = 60.0
_ABOUT_TO_S = 3600.0
_ELSEWHERE = "look at whoever refreshes it; its limit stands in thresholds.yaml"


@dataclass(frozen=True)
class Holder:
    """A session that keeps others from a view; `idle`: it does nothing, and sits in its transaction."""

    pid: int
    words: str
    idle: bool


@dataclass(frozen=True)
class Seen:
    """One view as this look saw it. `told_s` is the age that it tells itself; `told_badly` why that cannot be placed."""

    oid: int
    name: str
    populated: bool
    concurrently: bool
    mine: bool
    owner: str
    bytes: int | None = None
    rows: int | None = None
    refreshed_s: float | None = None
    told_s: float | None = None
    told_badly: str | None = None
    holders: tuple[Holder, ...] = ()
    known: KnownView = field(default_factory=lambda: KnownView(""))
    kept_job: str | None = None


@dataclass(frozen=True)
class Look:
    """What is the same for all views of one look."""

    now: datetime
    cron: Cron
    known: Mapping[int, Known]
    refreshes: Mapping[int, Refreshes]
    limits: Views
    names: Mapping[int, str] = field(default_factory=dict)
    runs_problem: str | None = None


@dataclass(frozen=True)
class _Verdict:
    """`stale` and `alert` are never both true of what is only not known."""

    cause: str
    do: str = ""
    stale: bool = False
    alert: bool = False
    worth: bool = False
    group: str = ""
    job: Known | None = None


def judge_view(view: Seen, look: Look, refreshed: str | None = None, tried: str | None = None) -> Row:
    """The row of a view; `refreshed` is what happened when this run refreshed it, `tried` what an earlier run could not."""
    surely = [look.known[jobid] for jobid, each in look.refreshes.items() if view.oid in each.surely]
    perhaps = [look.known[jobid] for jobid, each in look.refreshes.items() if view.oid in each.perhaps]
    age, source = _age(view, surely, look)
    limit = _limit(view, surely, look)
    verdict = _judge(view, surely, perhaps, age, limit, look)
    return _row(view, verdict, age, source, limit, refreshed, tried if verdict.stale else None)


def _judge(
    view: Seen, surely: Sequence[Known], perhaps: Sequence[Known], age: float | None, limit: float | None, look: Look
) -> _Verdict:
    own = look.limits.limits.get(view.name)
    beyond = _is_beyond(view, surely, age, limit, look)
    old = f"it is {format_duration(age or 0)} old, {format_duration(limit or 0)} are allowed"
    if view.name in look.limits.refreshed_elsewhere:
        said = old if beyond and own else "refreshed elsewhere, as thresholds.yaml says"
        return _Verdict(said, _ELSEWHERE, alert=beyond and own is not None)
    idle = next((each for each in view.holders if each.idle), None)
    if idle is not None:
        do = (
            "ask whoever holds the lock to end the transaction; it sits idle, so pg_terminate_backend(pid) ends no work"
        )
        return _Verdict(f"it is locked by {idle.words}", do, alert=True, group="")
    working = _at_work(view, surely, look)
    if not surely:
        return _judge_without(view, perhaps, age, limit, beyond, old, look)
    bad = _trouble(surely, look)
    job = bad[0] if bad else next((each for each in surely if each.job.active), surely[0])
    if bad is not None and not (own is not None and age is not None and not beyond and _is_missed(bad)):
        state = old if beyond else f"it is {format_duration(age)} old" if age is not None else "its age is unknown"
        return _Verdict(
            f"{state}; {bad[1].cause}", bad[1].remedy, _is_stale(bad, look), True, group=f"job {job.job.jobid}", job=job
        )
    if working:
        return _Verdict(working[0], working[1], worth=working[2], job=job)
    if not view.populated:
        return _Verdict(
            "it was never populated",
            "its job fills it with its next run; make refresh fills it now",
            True,
            job.runs.good is not None,
            job=job,
        )
    if beyond:
        said = (
            f"{old}; its job {job.job.name} of pg_cron last succeeded {at(job.runs.good, look.now)}"
            if job.runs.good
            else old
        )
        do = "see whether the job's command really refreshes it; make refresh refreshes it now"
        return _Verdict(said, do, True, True, job=job)
    said = _long_runs(job, look)
    return _Verdict(said, "make its refresh quicker, or its interval longer", worth=bool(said), job=job)


def _judge_without(
    view: Seen, perhaps: Sequence[Known], age: float | None, limit: float | None, beyond: bool, old: str, look: Look
) -> _Verdict:
    """A view that no job is known to refresh."""
    if perhaps:
        return _judge_perhaps(view, perhaps, look)
    gone = _lost_job(view, look)
    if gone is not None:
        return _Verdict(f"{old}; {gone.cause}" if beyond else gone.cause, gone.remedy, beyond, True, group=gone.cause)
    if view.holders:
        return _Verdict(f"it is locked by {view.holders[0].words}, which is at work")
    nobody = _nobody(look)
    alone = view.name in look.limits.refreshed_by_monitor
    remedy = "make refresh refreshes it now; " + ("see why this monitor could not" if alone else _AGAIN)
    if not view.mine:
        remedy = f"let its owner, {view.owner}, refresh it; {_AGAIN}"
    if not view.populated:
        return _Verdict(
            "it was never populated" + ("" if alone else f"; {nobody}"), remedy, True, True, group="never populated"
        )
    anything = [
        each.job.name
        for jobid, each in look.known.items()
        if jobid in look.refreshes and look.refreshes[jobid].anything
    ]
    quiet = (look.now - view.known.quiet_since).total_seconds() if view.known.quiet_since else 0.0
    limit = limit if limit is not None else look.limits.without_schedule
    if age is None and quiet > limit and not anything:
        said = f"nobody has refreshed it for {format_duration(quiet)} at least, {format_duration(limit)} are allowed"
        return _Verdict(f"{said}; {nobody}", remedy, True, True, group="nobody refreshes it")
    if beyond:
        said = old if alone else f"{old}; {nobody}"
        if alone and look.limits.refresh == "none":
            said += "; the setting views.refresh keeps the monitor from refreshing it"
        # What the monitor is about to refresh, as it should, is no alert yet.
        soon = alone and look.limits.refresh == "stale" and age is not None and age < limit + _ABOUT_TO_S
        return _Verdict(said, remedy, True, not soon, group="nobody refreshes it")
    if age is not None:
        return _Verdict("")
    if anything:
        return _Verdict(
            f"may be refreshed by job {anything[0]}, which builds its SQL at run time: how old it is cannot be known"
        )
    said = view.told_badly or nobody
    return _Verdict(f"{said}: how old it is cannot be known")


def _judge_perhaps(view: Seen, perhaps: Sequence[Known], look: Look) -> _Verdict:
    for each in perhaps:
        stuck = _stops_before(view, each, look)
        if stuck:
            do = "let the job's role own that view, or take it out of the loop"
            return _Verdict(stuck, do, True, True, group=f"job {each.job.jobid}", job=each)
    bad = [
        (each, trouble)
        for each in perhaps
        if (trouble := trouble_of(each, look.cron, look.now, look.limits)) is not None
    ]
    if bad and len(bad) == len(perhaps) and bad[0][0].runs.status != "failed":
        known, trouble = bad[0]
        cause = trouble.cause.replace("its job ", "job ", 1).replace(" of pg_cron", ", which may refresh it,", 1)
        return _Verdict(cause, trouble.remedy, True, True, group=f"job {known.job.jobid}", job=known)
    job = perhaps[0]
    said = f"may be refreshed by job {job.job.name}, which builds its SQL at run time: how old it is cannot be known"
    return _Verdict(said, job=job)


def _stops_before(view: Seen, known: Known, look: Look) -> str | None:
    """Why a loop that fails does not come to that view, if so; what it committed before it stopped is refreshed."""
    if known.runs.status != "failed" or known.runs.at_work is not None:
        return None
    found = look.refreshes[known.job.jobid]
    stopped = [oid for oid in found.perhaps if _is_named(look.names.get(oid, ""), known.runs.message)]
    place = found.perhaps.index(view.oid)
    if found.in_parts and (not stopped or place < found.perhaps.index(stopped[0])):
        return None
    where = f" at {look.names[stopped[0]]}" if stopped and stopped[0] != view.oid else ""
    return f"its job {known.job.name} of pg_cron stops{where} and does not refresh it: {message(known.runs)}"


def _is_named(name: str, text: str) -> bool:
    bare = name.rpartition(".")[2].strip('"')
    return bool(bare) and re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", text) is not None


def _trouble(surely: Sequence[Known], look: Look) -> tuple[Known, Trouble] | None:
    """The trouble that counts: not one after which another job has refreshed the view."""
    found = [
        (each, trouble)
        for each in surely
        if (trouble := trouble_of(each, look.cron, look.now, look.limits)) is not None
    ]
    well = [each for each in surely if all(each is not bad for bad, _ in found)]
    goods = [each.runs.good for each in surely if each.runs.good is not None]
    newest = max(goods, default=None)
    for known, trouble in sorted(found, key=lambda each: not each[0].job.active):
        if trouble.since is None and any(each.job.active for each in well):
            continue
        if trouble.since is not None and newest is not None and newest > trouble.since and len(surely) > 1:
            continue
        return known, trouble
    return None


def _is_missed(bad: tuple[Known, Trouble]) -> bool:
    """Whether all that is wrong is that a run is missing: a limit of the view's own says how much that matters."""
    return bad[0].job.active and bad[0].runs.status != "failed" and bad[1].since is not None


def _is_beyond(view: Seen, surely: Sequence[Known], age: float | None, limit: float | None, look: Look) -> bool:
    """Whether what is known of its age is more than is allowed; of its jobs' runs the jobs' troubles tell."""
    if age is None or limit is None or age <= limit:
        return False
    if view.name in look.limits.limits or not surely:
        return True
    goods = [(look.now - each.runs.good).total_seconds() for each in surely if each.runs.good is not None]
    was_due = any(each.job.active and (look.now - each.since).total_seconds() >= limit for each in surely)
    # A job that succeeded after the time that the view tells has refreshed something else.
    return view.told_s is not None and was_due and (not goods or age > min(goods) + _ROUNDING_S)


def _is_stale(bad: tuple[Known, Trouble], look: Look) -> bool:
    """Whether a run that was due is missing, which is more than that one will be."""
    return bad[1].since is not None or allowed_s(bad[0].job, look.now, look.cron, look.limits) is None


def _at_work(view: Seen, surely: Sequence[Known], look: Look) -> tuple[str, str, bool] | None:
    """What is at work on it now: a job's run, or another session that holds its lock and does something."""
    for each in surely:
        run = each.runs.at_work
        if run is None:
            continue
        said = f"its job {each.job.name} of pg_cron has been at work since {at(run.since, look.now)} (pid {run.pid})"
        pause = pause_s(each.job, look.now, look.cron)
        long = pause is not None and (look.now - run.since).total_seconds() > pause
        slow = each.runs.took_s is not None and pause is not None and each.runs.took_s > pause
        if long or slow:
            said += f"; it takes longer than its interval of {format_duration(pause or 0)}"
        if any(holder.pid == run.pid for holder in view.holders):
            why = "it is refreshed without CONCURRENTLY" if view.concurrently else "the view has no unique index"
            said += f"; its readers wait, because {why}"
        if run.waits_for:
            said += f"; it waits for a lock of {', '.join(f'pid {pid}' for pid in run.waits_for)}"
        return said, "let it end; make its refresh quicker, or its interval longer", long or slow
    if view.holders:
        return f"it is locked by {view.holders[0].words}, which is at work", "", False
    return None


def _long_runs(job: Known, look: Look) -> str:
    pause = pause_s(job.job, look.now, look.cron)
    if pause is None or job.runs.took_s is None or job.runs.took_s <= pause:
        return ""
    took = format_duration(job.runs.took_s)
    return f"a run of its job {job.job.name} takes {took}, longer than its interval of {format_duration(pause)}"


def _lost_job(view: Seen, look: Look) -> Trouble | None:
    """The job that refreshed it until now, and what became of it."""
    cron = look.cron
    for jobid, name in view.known.jobs.items():
        job = next((each for each in cron.jobs if each.jobid == jobid), None)
        if cron.missing:
            create = "create extension pg_cron, and " if cron.may_be_created_here else ""
            return Trouble(f"{cron.missing}: its job {name} is gone with it", create + _AGAIN)
        if job is None and cron.own_only:
            return None
        if job is None:
            same = next((each for each in cron.jobs if each.name == name and each.here), None)
            return (
                _changed(view, look, same.jobid) if same else Trouble(f"its job {name} of pg_cron was deleted", _AGAIN)
            )
        if not job.here:
            said = f"its job {name} of pg_cron works in the database {job.database} now, not in this one"
            return Trouble(said, f"select cron.alter_job({jobid}, database := '{cron.settings['here']}')")
        return _changed(view, look, jobid)
    if view.kept_job is not None and not view.known.jobs and not cron.own_only:
        same = next((each for each in cron.jobs if each.name == view.kept_job), None)
        if cron.missing:
            create = "create extension pg_cron, and " if cron.may_be_created_here else ""
            return Trouble(f"{cron.missing}: its job {view.kept_job} is gone with it", create + _AGAIN)
        if same is not None:
            return _changed(view, look, same.jobid)
        return Trouble(f"its job {view.kept_job} of pg_cron was deleted", _AGAIN)
    return None


def _changed(view: Seen, look: Look, jobid: int) -> Trouble:
    known = look.known[jobid]
    said = f"; its last run failed: {message(known.runs)}" if known.runs.status == "failed" else ""
    renamed = view.known.name and view.known.name != view.name
    why = f"the view was {view.known.name} until it was renamed" if renamed else "the command was changed"
    return Trouble(
        f"its job {known.job.name} of pg_cron does not name it any more: {why}{said}",
        f"correct the command with cron.alter_job({jobid}, command := …)",
    )


def _nobody(look: Look) -> str:
    if look.cron.missing:
        return f"no job refreshes it that can be seen here ({look.cron.missing})"
    seen = " that this role can see (it sees only its own)" if look.cron.own_only else ""
    return f"no job of pg_cron{seen} refreshes it"


def _age(view: Seen, surely: Sequence[Known], look: Look) -> tuple[float | None, str]:
    if not view.populated:
        return None, "not populated"
    if view.told_s is not None:
        return view.told_s, "materialized_at"
    goods = [(look.now - each.runs.good).total_seconds() for each in surely if each.runs.good is not None]
    found = [(age, "pg_cron") for age in goods]
    if view.refreshed_s is not None:
        found.append((view.refreshed_s, "this monitor"))
    if not surely and view.known.changed is not None:
        found.append(((look.now - view.known.changed[0]).total_seconds(), "a change between two looks, at most"))
    return min(found) if found else (None, "nothing tells")


def _limit(view: Seen, surely: Sequence[Known], look: Look) -> float | None:
    own = look.limits.limits.get(view.name)
    if own is not None:
        return own
    active = [each for each in surely if each.job.active]
    if active:
        known = [
            allowed for each in active if (allowed := allowed_s(each.job, look.now, look.cron, look.limits)) is not None
        ]
        return min(known, default=None)
    return None if surely else look.limits.without_schedule


def _row(
    view: Seen,
    verdict: _Verdict,
    age: float | None,
    source: str,
    limit: float | None,
    refreshed: str | None,
    tried: str | None,
) -> Row:
    job = verdict.job.job if verdict.job else None
    done = refreshed or tried
    cause = "; ".join(part for part in (verdict.cause, f"the monitor: {done}" if done else "") if part)
    work = verdict.job is not None and verdict.job.runs.at_work is not None
    detail: dict[str, Any] = {
        "oid": view.oid,
        "populated": view.populated,
        "bytes": view.bytes,
        "rows": view.rows,
        "limit_s": round(limit) if limit is not None else None,
        "source": source,
        "unknown": age is None and view.populated,
        "stale": verdict.stale,
        "alert": verdict.alert,
        "at_work": work or bool(view.holders),
        "job": job.name if job else next(iter(view.known.jobs.values()), view.kept_job) if verdict.alert else None,
        "jobid": job.jobid if job else None,
        "schedule": job.schedule if job else None,
        "refreshed": refreshed,
        "cause": cause,
        "do": verdict.do,
    }
    if verdict.worth and not verdict.alert:
        detail["worth_a_look"] = True
    if verdict.group and verdict.alert:
        detail["group"] = verdict.group
    return Row(view.name, age, "s", detail)
