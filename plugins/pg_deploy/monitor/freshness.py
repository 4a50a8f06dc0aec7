"""Whether a view is as fresh as it should be, and if not, why. Judges only what was read before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.jobs import (
    KnownJob,
    Trouble,
    allowed_age_s,
    find_trouble,
    find_trouble_by_view,
    format_moment,
    interval_s,
)
from pg_deploy.monitor.measures import Row
from pg_deploy.monitor.unscheduled import judge_view_without_job
from pg_deploy.monitor.verdicts import Look, SeenView, Verdict

# A view's own time is that of a transaction, which begins some moments after the run.
_ROUNDING_S = 60.0
_ELSEWHERE = "look at whoever refreshes it; its limit stands in thresholds.yaml"


def judge_view(view: SeenView, look: Look, refreshed: str | None = None, tried: str | None = None) -> Row:
    """The row of a view. `refreshed` says what happened when this run refreshed it, `tried` why an earlier run could not. Pure."""
    surely = [look.known[jobid] for jobid, each in look.refreshes.items() if view.oid in each.surely]
    perhaps = [look.known[jobid] for jobid, each in look.refreshes.items() if view.oid in each.perhaps]
    age, source = _age(view, surely, look)
    limit = _limit(view, surely, look)
    verdict = _judge(view, surely, perhaps, age, limit, look)
    row = _row(view, verdict, age, source, limit, refreshed, tried if verdict.stale else None)
    return replace(row, detail={**row.detail, "held": True}) if _is_out_of_sight(view, surely, verdict, look) else row


def _is_out_of_sight(view: SeenView, surely: Sequence[KnownJob], verdict: Verdict, look: Look) -> bool:
    """Whether an open alert about the view would end only because nobody can see any more what it was about."""
    unseen = look.cron.hidden or (bool(surely) and all(each.why_unseen for each in surely))
    untouched = view.known.unchanged_since is not None and view.known.unchanged_since < look.now
    return unseen and untouched and not verdict.alert


def _judge(
    view: SeenView,
    surely: Sequence[KnownJob],
    perhaps: Sequence[KnownJob],
    age: float | None,
    limit: float | None,
    look: Look,
) -> Verdict:
    own = look.limits.limits.get(view.name)
    beyond = _is_beyond(view, surely, age, limit, look)
    old = f"it is {format_duration(age or 0)} old, {format_duration(limit or 0)} are allowed"
    if look.limits.is_refreshed_elsewhere(view.name):
        is_alert = beyond and own is not None
        return Verdict(
            old if is_alert else "it is refreshed elsewhere, as thresholds.yaml says", _ELSEWHERE, alert=is_alert
        )
    idle = next((each for each in view.holders if each.idle), None)
    if idle is not None:
        do = (
            "ask whoever holds the lock to end the transaction; it sits idle, so pg_terminate_backend(pid) ends no work"
        )
        return Verdict(f"it is locked by {idle.words}", do, alert=True)
    working = _at_work(view, surely, look)
    if not surely:
        return judge_view_without_job(view, perhaps, age, limit, beyond, old, look)
    bad = _trouble(surely, look)
    job = bad[0] if bad else next((each for each in surely if each.job.active), surely[0])
    if bad is not None and not (own is not None and age is not None and not beyond and _is_missed(bad)):
        state = old if beyond else f"it is {format_duration(age)} old" if age is not None else "its age is unknown"
        return Verdict(
            f"{state}; {bad[1].cause}",
            bad[1].what_to_do,
            _is_stale(bad, look),
            True,
            group=bad[1].shared or f"job {job.job.jobid}",
            job=job,
        )
    if all(each.why_unseen for each in surely) and not view.holders and not working:
        return _judge_unseen(view, job, age, beyond, old, look)
    if working:
        return Verdict(working[0], working[1], worth_a_look=working[2], job=job)
    if not view.populated:
        return Verdict(
            "it was never populated",
            "its job fills it with its next run; a run of this monitor with refresh: all fills it now",
            True,
            job.runs.good is not None,
            job=job,
        )
    if beyond:
        said = (
            f"{old}; its job {job.job.name} of pg_cron last succeeded {format_moment(job.runs.good, look.now)}"
            if job.runs.good
            else old
        )
        do = "see whether the job's command really refreshes it; a run of this monitor with refresh: all refreshes it now"
        return Verdict(said, do, True, True, job=job)
    long_runs = _long_runs(job, look)
    return Verdict(
        long_runs or _why_due_unknown(job, look),
        "make its refresh quicker, or its interval longer",
        worth_a_look=bool(long_runs),
        job=job,
    )


def _judge_unseen(view: SeenView, job: KnownJob, age: float | None, beyond: bool, old: str, look: Look) -> Verdict:
    """Judge a view whose job's runs cannot be seen, by what the view itself tells and proves."""
    proof = find_trouble_by_view(job, view.known.unchanged_since, look.cron, look.now, look.limits)
    if proof is not None:
        return Verdict(proof.cause, proof.what_to_do, True, True, group=f"job {job.job.jobid}", job=job)
    if beyond:
        return Verdict(
            f"{old}; its job {job.job.name} of pg_cron is not seen at work: {job.why_unseen}",
            f"look at the server's log, and whether the command of job {job.job.jobid} really refreshes it",
            True,
            True,
            job=job,
        )
    known = "" if age is not None else ", and how old it is cannot be known"
    since = view.known.unchanged_since
    quiet = (
        f"; nobody has refreshed it since {format_moment(since, look.now)}"
        if since is not None and since < look.now
        else ""
    )
    return Verdict(
        f"whether its job {job.job.name} of pg_cron runs is not known{known}: {job.why_unseen}{quiet}", job=job
    )


def _trouble(surely: Sequence[KnownJob], look: Look) -> tuple[KnownJob, Trouble] | None:
    """The first trouble of its jobs that counts, if any; none counts after which another job refreshed the view."""
    troubles = [
        (each, trouble)
        for each in surely
        if (trouble := find_trouble(each, look.cron, look.now, look.limits)) is not None
    ]
    well = [each for each in surely if all(each is not bad for bad, _ in troubles)]
    goods = [each.runs.good for each in surely if each.runs.good is not None]
    newest = max(goods, default=None)
    for known, trouble in sorted(troubles, key=lambda each: not each[0].job.active):
        if trouble.since is None and any(each.job.active for each in well):
            continue
        if trouble.since is not None and newest is not None and newest > trouble.since and len(surely) > 1:
            continue
        return known, trouble
    return None


def _is_missed(bad: tuple[KnownJob, Trouble]) -> bool:
    """Whether the only trouble is a missing run. If the view has a limit of its own, that limit says how much it matters."""
    return bad[0].job.active and bad[0].runs.status != "failed" and bad[1].since is not None


def _is_beyond(view: SeenView, surely: Sequence[KnownJob], age: float | None, limit: float | None, look: Look) -> bool:
    """Whether the view is known to be older than allowed. An age that comes from its jobs' runs does not count: their troubles tell it."""
    if age is None or limit is None or age <= limit:
        return False
    if view.name in look.limits.limits or not surely:
        return True
    goods = [(look.now - each.runs.good).total_seconds() for each in surely if each.runs.good is not None]
    was_due = any(each.job.active and (look.now - each.since).total_seconds() >= limit for each in surely)
    # A job that succeeded after the view's own time has refreshed something else.
    return view.stated_age_s is not None and was_due and (not goods or age > min(goods) + _ROUNDING_S)


def _is_stale(bad: tuple[KnownJob, Trouble], look: Look) -> bool:
    """Whether a run that was due is missing, or nobody can know when one is due, so that the view is stale already."""
    return bad[1].since is not None or allowed_age_s(bad[0].job, look.now, look.cron, look.limits) is None


def _at_work(view: SeenView, surely: Sequence[KnownJob], look: Look) -> tuple[str, str, bool] | None:
    """What is at work on the view now: a run of its job, or another session that locks it and is not idle.

    Returns the cause, what to do, and whether that is worth a look.
    """
    for each in surely:
        run = each.runs.at_work
        if run is None:
            continue
        said = f"its job {each.job.name} of pg_cron has been at work since {format_moment(run.since, look.now)} (pid {run.pid})"
        interval = interval_s(each.job, look.now, look.cron)
        long = interval is not None and (look.now - run.since).total_seconds() > interval
        slow = each.runs.took_s is not None and interval is not None and each.runs.took_s > interval
        if long or slow:
            said += f"; it takes longer than its interval of {format_duration(interval or 0)}"
        if any(holder.pid == run.pid for holder in view.holders):
            why = "it is refreshed without CONCURRENTLY" if view.concurrently else "the view has no unique index"
            said += f"; its readers wait, because {why}"
        if run.waits_for:
            said += f"; it waits for a lock of {', '.join(f'pid {pid}' for pid in run.waits_for)}"
        return said, "let it end; make its refresh quicker, or its interval longer", long or slow
    if view.holders:
        return f"it is locked by {view.holders[0].words}, which is at work", "", False
    return None


def _long_runs(job: KnownJob, look: Look) -> str:
    """That a run of the job takes longer than its interval; empty if it does not."""
    interval = interval_s(job.job, look.now, look.cron)
    if interval is None or job.runs.took_s is None or job.runs.took_s <= interval:
        return ""
    took = format_duration(job.runs.took_s)
    return f"a run of its job {job.job.name} takes {took}, longer than its interval of {format_duration(interval)}"


def _why_due_unknown(job: KnownJob, look: Look) -> str:
    """Why nobody can say when the job is due; empty if that is known."""
    if look.cron.zone is None:
        named = look.cron.settings.get("cron.timezone")
        why = f"cron.timezone is {named}, which is not known here" if named else "this role may not see cron.timezone"
        return f"when its job {job.job.name} of pg_cron is due cannot be known: {why}"
    if look.cron.schedule_of(job.job) is None:
        return f"when its job {job.job.name} of pg_cron is due cannot be known: its schedule is {job.job.schedule}"
    return ""


def _age(view: SeenView, surely: Sequence[KnownJob], look: Look) -> tuple[float | None, str]:
    """The view's age in seconds, or None if nothing tells it, and what tells it."""
    if not view.populated:
        return None, "not populated"
    if view.stated_age_s is not None:
        return view.stated_age_s, "materialized_at"
    goods = [(look.now - each.runs.good).total_seconds() for each in surely if each.runs.good is not None]
    ages = [(age, "pg_cron") for age in goods]
    if view.refreshed_s is not None:
        ages.append((view.refreshed_s, "this monitor"))
    # If the job's runs can be seen, a change that ALTER and GRANT make too does not count as a refresh.
    trusted = (
        view.known.rewritten_between
        if surely and not any(each.why_unseen for each in surely)
        else view.known.changed_between
    )
    if trusted is not None:
        ages.append(((look.now - trusted[0]).total_seconds(), "a change between two looks, at most"))
    return min(ages) if ages else (None, "nothing tells")


def _limit(view: SeenView, surely: Sequence[KnownJob], look: Look) -> float | None:
    """How old the view may be now, in seconds; None if nobody can know."""
    own = look.limits.limits.get(view.name)
    if own is not None:
        return own
    active = [each for each in surely if each.job.active]
    if active:
        known = [
            allowed
            for each in active
            if (allowed := allowed_age_s(each.job, look.now, look.cron, look.limits)) is not None
        ]
        return min(known, default=None)
    return None if surely else look.limits.without_schedule


def _row(
    view: SeenView,
    verdict: Verdict,
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
        "do": verdict.what_to_do,
    }
    if verdict.worth_a_look and not verdict.alert:
        detail["worth_a_look"] = True
    if verdict.group and (verdict.alert or verdict.worth_a_look):
        detail["group"] = verdict.group
    return Row(view.name, age, "s", detail)
