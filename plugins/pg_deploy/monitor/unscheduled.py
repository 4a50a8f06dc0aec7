"""Views that no job is known to refresh: what became of the job that did, what may refresh them, and what is not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.jobs import KnownJob, Trouble, allowed_age_s, find_trouble, last_message
from pg_deploy.monitor.verdicts import Look, SeenView, Verdict

_AGAIN = (
    "schedule its refresh again with cron.schedule, or name it in thresholds.yaml: under refreshed_elsewhere if the"
    " application or another scheduler looks after it, under refreshed_by_monitor if this monitor should"
)
# For so long a view that the monitor itself is to refresh may be beyond its limit before that is an alert.
_ABOUT_TO_S = 3600.0


def judge_view_without_job(
    view: SeenView,
    perhaps: Sequence[KnownJob],
    age: float | None,
    limit: float | None,
    beyond: bool,
    old: str,
    look: Look,
) -> Verdict:
    """Judge a view that no job is known to refresh. `perhaps` are the jobs that may; `old` says its age for a sentence. Pure."""
    if perhaps:
        return _judge_perhaps(view, perhaps, look)
    gone = _what_became_of_job(view, look)
    if gone is not None:
        return Verdict(
            f"{old}; {gone.cause}" if beyond else gone.cause, gone.what_to_do, beyond, True, group=gone.cause
        )
    if view.holders:
        return Verdict(f"it is locked by {view.holders[0].words}, which is at work")
    nobody = _no_job(look)
    by_monitor = look.limits.is_refreshed_by_monitor(view.name)
    what_to_do = "a run of this monitor with refresh: all refreshes it now; " + (
        "see why this monitor could not" if by_monitor else _AGAIN
    )
    if not view.may_refresh:
        what_to_do = f"let its owner, {view.owner}, refresh it; {_AGAIN}"
    if not view.populated:
        return Verdict(
            "it was never populated" + ("" if by_monitor else f"; {nobody}"),
            what_to_do,
            True,
            True,
            group="never populated",
        )
    anything = [
        each.job.name
        for jobid, each in look.known.items()
        if jobid in look.refreshes and look.refreshes[jobid].anything
    ]
    unseen = _not_seen_any_more(view, look)
    quiet = (look.now - view.known.unchanged_since).total_seconds() if view.known.unchanged_since else 0.0
    limit = limit if limit is not None else look.limits.without_schedule
    if age is None and quiet > limit and not anything:
        said = f"nobody has refreshed it for {format_duration(quiet)} at least, {format_duration(limit)} are allowed"
        if look.cron.why_unseen and not unseen and view.name not in look.limits.limits:
            # It may have a job that cannot be seen, and that was not due yet.
            return Verdict(f"{said}; {look.cron.why_unseen}", _AGAIN, worth_a_look=True, group="nobody refreshes it")
        cause = (
            f"{said}; its job {unseen} of pg_cron was deleted, or is another role's now"
            if unseen
            else f"{said}; {nobody}"
        )
        return Verdict(cause, what_to_do, True, True, group="nobody refreshes it")
    if beyond:
        said = old if by_monitor else f"{old}; {nobody}"
        if by_monitor and look.limits.refresh == "none":
            said += "; the setting views.refresh keeps the monitor from refreshing it"
        # A view that the monitor itself is about to refresh is no alert yet.
        soon = by_monitor and look.limits.refresh == "stale" and age is not None and age < limit + _ABOUT_TO_S
        return Verdict(said, what_to_do, True, not soon, group="nobody refreshes it")
    if age is not None:
        return Verdict("")
    if anything:
        return Verdict(
            f"it may be refreshed by job {anything[0]}, which builds its SQL at run time: how old it is cannot be known"
        )
    said = view.stated_age_problem or nobody
    return Verdict(f"{said}: how old it is cannot be known")


def _judge_perhaps(view: SeenView, perhaps: Sequence[KnownJob], look: Look) -> Verdict:
    for each in perhaps:
        stuck = _stops_before(view, each, look)
        if stuck:
            do = "let the job's role own that view, or take it out of the loop"
            return Verdict(stuck, do, True, True, group=f"job {each.job.jobid}", job=each)
    bad = []
    for each in perhaps:
        name = f"job {each.job.name}, which may refresh it,"
        trouble = find_trouble(each, look.cron, look.now, look.limits, name)
        if trouble is not None:
            bad.append((each, trouble))
    if bad and len(bad) == len(perhaps) and bad[0][0].runs.status != "failed":
        known, trouble = bad[0]
        return Verdict(
            trouble.cause, trouble.what_to_do, True, True, group=trouble.shared or f"job {known.job.jobid}", job=known
        )
    job = perhaps[0]
    said = f"it may be refreshed by job {job.job.name}, which builds its SQL at run time"
    if view.stated_age_s is None:
        return Verdict(f"{said}: how old it is cannot be known", job=job)
    allowed = [
        allowed_age
        for each in perhaps
        if (allowed_age := allowed_age_s(each.job, look.now, look.cron, look.limits)) is not None
    ]
    limit = min(allowed, default=look.limits.without_schedule)
    was_due = any((look.now - each.since).total_seconds() >= limit for each in perhaps)
    if view.stated_age_s <= limit or not was_due:
        return Verdict(said, job=job)
    old = f"it is {format_duration(view.stated_age_s)} old, {format_duration(limit)} are allowed"
    return Verdict(f"{old}; {said}", "see whether that job comes to this view", True, True, job=job)


def _stops_before(view: SeenView, known: KnownJob, look: Look) -> str | None:
    """Why a failing job does not come to that view; None if it does.

    A job that commits in parts has refreshed the views before the one at which it stopped.
    """
    if known.runs.status != "failed" or known.runs.at_work is not None:
        return None
    refreshes = look.refreshes[known.job.jobid]
    stopped = [oid for oid in refreshes.perhaps if _is_named(look.names.get(oid, ""), known.runs.message)]
    place = refreshes.perhaps.index(view.oid)
    if refreshes.in_parts and (not stopped or place < refreshes.perhaps.index(stopped[0])):
        return None
    where = f" at {look.names[stopped[0]]}" if stopped and stopped[0] != view.oid else ""
    return f"its job {known.job.name} of pg_cron stops{where} and does not refresh it: {last_message(known.runs)}"


def _is_named(name: str, text: str) -> bool:
    bare = name.rpartition(".")[2].strip('"')
    return bool(bare) and re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", text) is not None


def _what_became_of_job(view: SeenView, look: Look) -> Trouble | None:
    """What became of the job that refreshed the view until now; None if it had none, or if that cannot be seen."""
    cron = look.cron
    # What earlier looks saw counts before what the last deployment left.
    jobid, name = next(iter(view.known.jobs.items()), (None, view.kept_job))
    if cron.hidden or name is None:
        return None
    if cron.missing:
        create = "create extension pg_cron, and " if cron.may_be_created_here else ""
        return Trouble(f"{cron.missing}: its job {name} is gone with it", create + _AGAIN)
    job = next((each for each in cron.jobs if each.jobid == jobid), None)
    if job is None and cron.own_only:
        return None
    job = job or next((each for each in cron.jobs if each.name == name and each.here), None)
    if job is None:
        return Trouble(f"its job {name} of pg_cron was deleted", _AGAIN)
    if not job.here:
        said = f"its job {name} of pg_cron works in the database {job.database} now, not in this one"
        return Trouble(said, f"select cron.alter_job({job.jobid}, database := '{cron.database}')")
    return _names_it_no_more(view, look, job.jobid)


def _not_seen_any_more(view: SeenView, look: Look) -> str | None:
    """The job that an earlier look saw and that this role does not see any more, because it sees only its own jobs."""
    seen = {job.jobid for job in look.cron.jobs}
    unseen = [name for jobid, name in view.known.jobs.items() if jobid not in seen]
    return unseen[0] if unseen and look.cron.own_only else None


def _names_it_no_more(view: SeenView, look: Look, jobid: int) -> Trouble:
    """The trouble of a job that is there and does not name the view any more."""
    known = look.known[jobid]
    said = f"; its last run failed: {last_message(known.runs)}" if known.runs.status == "failed" else ""
    renamed = view.known.name and view.known.name != view.name
    why = f"the view was {view.known.name} until it was renamed" if renamed else "the command was changed"
    return Trouble(
        f"its job {known.job.name} of pg_cron does not name it any more: {why}{said}",
        f"correct the command with cron.alter_job({jobid}, command := …)",
    )


def _no_job(look: Look) -> str:
    """That no job refreshes a view, as far as jobs can be seen, for a sentence."""
    why = look.cron.why_unseen or look.cron.missing
    return f"no job that can be seen here refreshes it ({why})" if why else "no job of pg_cron refreshes it"
