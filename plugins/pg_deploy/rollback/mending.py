"""After a rollback that left differences: what decides access is mended at once, and said; the rest is left to a person."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.catalog.diff import Difference, describe
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.deployment.job import Job
from pg_deploy.errors import PgDeployError
from pg_deploy.execution.segments import Work, run_segments
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rollback import Mended
from pg_deploy.parsing.statements import segments, split
from pg_deploy.rollback.generator.generate import generate_rollback
from pg_deploy.rollback.goal import Goal, only_own

_AT_ONCE = frozenset({"policy", "grant", "function", "procedure", "cron job"})


def mend(job: Job, current: Attempt, goal: Goal, now: Facts) -> Facts:
    """Bring policies, grants, functions and cron jobs back to what `goal` expects; returns the facts then.

    Nothing is run if none of them differs. Logs what differed and each statement, and keeps both as evidence. A
    mending that fails is logged, and leaves the facts as they were.
    """
    difference = goal.difference(now)
    wanted = _mendable(difference)
    if not wanted:
        return now
    generated = generate_rollback(_with(now, wanted, goal.expected), now)
    lines = describe(difference.part(lambda fact: fact.key in wanted))
    if not generated.sql or generated.refusals:
        job.log.error("cannot be mended at once: %s", "; ".join(map(str, generated.refusals)) or "no statement does it")
        return now
    job.log.warning(
        "the rollback forgot %d objects that decide access or run by themselves; mending them now", len(lines)
    )
    for line in lines:
        job.log.warning("  %s", line)
    mended = Mended(current.stem, lines, generated.sql)
    try:
        _run(job, current, generated.sql)
    except PgDeployError as error:
        job.log.error("the mending failed: %s", error)
        job.record(current, Kind.MENDED, replace(mended, error=str(error)))
        return now
    job.record(current, Kind.MENDED, mended)
    return job.guard.read_facts("held")


def _run(job: Job, current: Attempt, sql: str) -> None:
    """Run `sql` as statements of that attempt, under the engine's deadlines."""
    file = f"{current.stem}/mending"
    work = Work(job.target, job.guard, current.id, "mend", file, sql, job.limits, job.log)
    run_segments(work, segments(split(sql, file=file)), lambda _connection, _segment: None)


def mending_sql(goal: Goal, now: Facts) -> str:
    """The SQL that would mend what still differs, for a person to read; with what it cannot do as comments."""
    generated = generate_rollback(_with(now, goal.difference(now).keys, goal.expected), now)
    notes = [f"-- not restored: {refusal}" for refusal in generated.refusals]
    notes += [f"-- removes {loss.kind} {loss.identity}" for loss in generated.losses]
    return "\n".join([*notes, generated.sql]).strip()


def _mendable(difference: Difference) -> frozenset[Key]:
    """What is mended at once, but for what is on something that is missing, or too much: that has to be mended first."""
    facts = [*difference.added, *difference.old_facts]
    others = {fact.key for fact in facts if fact.kind not in _AT_ONCE}
    kinds = ("table", "view", "materialized view", "sequence")
    return frozenset(
        fact.key
        for fact in facts
        if fact.kind in _AT_ONCE and others.isdisjoint((kind, _of(fact) or "") for kind in kinds)
    )


def _of(fact: Fact) -> str | None:
    of = fact.identity.of if fact.kind in ("grant", "policy") else None
    return of.relation if of is not None and of.kind == "column" else of


def _with(now: Facts, keys: frozenset[Key], expected: Facts) -> Facts:
    """The facts of now, with those of `keys` as expected; without addresses, by which renames would be looked for."""
    return replace(only_own(now, expected, keys), objects=None)
