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
from pg_deploy.parsing.statements import Segment, segments, split
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.generator.generate import generate_rollback
from pg_deploy.rollback.goal import Goal

AT_ONCE = frozenset({"policy", "grant", "function", "procedure", "cron job"})


def mend(job: Job, current: Attempt, goal: Goal, now: Facts) -> Facts:
    """Bring policies, grants, functions and cron jobs back to what `goal` expects; returns the facts then.

    Nothing is run where none of them differs. Logs what differed and each statement, and keeps both as evidence. A
    mending that fails is logged, and leaves the facts as they were.
    """
    difference = goal.difference(now)
    wanted = _mendable(difference, now)
    if not wanted:
        return now
    target = _with(now, wanted, goal.expected)
    generated = generate_rollback(target, now)
    lines = describe(_part(difference, wanted))
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
        run_sql(job, current, "mend", f"{current.stem}/mending", generated.sql)
    except PgDeployError as error:
        job.log.error("the mending failed: %s", error)
        job.record(current, Kind.MENDED, replace(mended, error=str(error)))
        return now
    job.record(current, Kind.MENDED, mended)
    return job.guard.read_facts()


def run_sql(job: Job, current: Attempt, direction: str, file: str, sql: str) -> int:
    """Run `sql` as statements of that attempt, under the engine's deadlines; returns how many there were."""
    todo = segments(split(sql, file=file))

    def before_commit(_: Connection, __: Segment) -> None:
        """The ledger's own rows are written by the engine."""

    run_segments(
        Work(job.target, job.guard, current.id, direction, file, sql, job.limits, job.log), todo, before_commit
    )
    return sum(len(segment.statements) for segment in todo)


def mending_sql(goal: Goal, now: Facts) -> str:
    """The SQL that would mend what still differs, for a person to read; with what it cannot do as comments."""
    difference = goal.difference(now)
    keys = {_key(fact) for fact in (*difference.added, *difference.removed)}
    keys |= {_key(new) for _, new in difference.changed}
    generated = generate_rollback(_with(now, keys, goal.expected), now)
    notes = [f"-- not restored: {refusal}" for refusal in generated.refusals]
    notes += [f"-- removes {loss.kind} {loss.identity}" for loss in generated.losses]
    return "\n".join([*notes, generated.sql]).strip()


def _mendable(difference: Difference, now: Facts) -> set[Key]:
    facts = [*difference.added, *difference.removed, *(old for old, _ in difference.changed)]
    others = {_key(fact) for fact in facts if fact.kind not in AT_ONCE}
    found = set()
    for fact in facts:
        if fact.kind not in AT_ONCE:
            continue
        on = _of(fact)
        # On something that is missing, or too much, itself: that has to be mended first.
        if on is None or not any((kind, on) in others for kind in ("table", "view", "materialized view", "sequence")):
            found.add(_key(fact))
    return found


def _of(fact: Fact) -> str | None:
    of = fact.identity.of if fact.kind in ("grant", "policy") else None
    return of.relation if of is not None and of.kind == "column" else of


def _with(now: Facts, keys: set[Key], expected: Facts) -> Facts:
    """The facts of now, with those of `keys` as expected."""
    kept = {key: fact for key, fact in now.by_key.items() if key not in keys}
    kept |= {key: expected.by_key[key] for key in keys if key in expected.by_key}
    return Facts(frozenset(kept.values()), now.server_version, now.read_at)


def _part(difference: Difference, keys: set[Key]) -> Difference:
    return Difference(
        tuple(fact for fact in difference.added if _key(fact) in keys),
        tuple(fact for fact in difference.removed if _key(fact) in keys),
        tuple((old, new) for old, new in difference.changed if _key(old) in keys),
    )


def _key(fact: Fact) -> Key:
    return (fact.kind, fact.identity)
