"""Jobs of pg_cron, known by their name, or by their command if they have none."""

from __future__ import annotations

from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.draft import Draft, Phase


def add_cron(draft: Draft, keys: set[Key]) -> None:
    """Unschedule the jobs that the migration scheduled, and schedule again as they were those that it unscheduled or changed."""
    for key in sorted(keys):
        new, old = draft.after.get(key), draft.before.get(key)
        if new is not None:
            draft.add(Phase.UNSCHEDULE, _unschedule(new))
        if old is not None:
            draft.add(Phase.SCHEDULE, *_schedule(old, new))


def _unschedule(fact: Fact) -> str:
    # By the number: by name only the caller's own jobs are found, and a missing one is an error.
    return f"select cron.unschedule(j.jobid)\n{_from_job(fact)}"


def _from_job(fact: Fact) -> str:
    p = fact.properties
    known = (
        f"j.jobname = {literal(fact.identity.name)}"
        if fact.identity.name
        else f"j.jobname is null and j.command = {literal(str(p['command']))}"
    )
    return (
        f"from cron.job j\nwhere {known}\n"
        f"    and j.username = {literal(str(p['user']))} and j.schedule = {literal(str(p['schedule']))}"
    )


def _schedule(old: Fact, new: Fact | None) -> tuple[str, ...]:
    p = old.properties
    named = f"{literal(old.identity.name)}, " if old.identity.name else ""
    arguments = f"{named}{literal(str(p['schedule']))}, {literal(str(p['command']))}"
    if p["database"] == "this database":
        statements = [f"select cron.schedule({arguments})"]
    else:
        statements = [f"select cron.schedule_in_database({arguments}, {literal(str(p['database']))})"]
    if not p.get("active"):
        statements.append(f"select cron.alter_job(j.jobid, active := false)\n{_from_job(old)}")
    if new is not None and new.properties["user"] != p["user"]:
        statements = [f"set local role {identifier(str(p['user']))}", *statements, "reset role"]
    return tuple(statements)
