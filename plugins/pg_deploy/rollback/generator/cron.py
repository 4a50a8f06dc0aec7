"""Jobs of pg_cron, known by their name, or by their command where they have none."""

from __future__ import annotations

import re

from pg_deploy.catalog.names import identifier, literal
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.draft import Draft, Key, Phase

_WITHOUT_NAME = "command: "


def add_cron(draft: Draft, keys: set[Key]) -> None:
    """Unschedule what was scheduled, schedule again what was not; a changed job is scheduled as it was."""
    for key in sorted(keys):
        new, old = draft.after.get(key), draft.before.get(key)
        if new is not None:
            draft.add(Phase.UNSCHEDULE, _unschedule(new))
        if old is not None:
            draft.add(Phase.SCHEDULE, *_schedule(old, new))


def _unschedule(fact: Fact) -> str:
    p = fact.properties
    known = (
        f"j.jobname is null and j.command = {literal(str(p['command']))}"
        if fact.identity.startswith(_WITHOUT_NAME)
        else f"j.jobname = {literal(_name(fact))}"
    )
    # By the number: by name only the caller's own jobs are found, and a missing one is an error.
    return (
        "select cron.unschedule(j.jobid)\nfrom cron.job j\n"
        f"where {known}\n    and j.username = {literal(str(p['user']))} and j.schedule = {literal(str(p['schedule']))}"
    )


def _schedule(old: Fact, new: Fact | None) -> tuple[str, ...]:
    p = old.properties
    named = "" if old.identity.startswith(_WITHOUT_NAME) else f"{literal(_name(old))}, "
    arguments = f"{named}{literal(str(p['schedule']))}, {literal(str(p['command']))}"
    if p["database"] == "this database":
        made = f"select cron.schedule({arguments})"
    else:
        made = f"select cron.schedule_in_database({arguments}, {literal(str(p['database']))})"
    statements = [made]
    if not p.get("active"):
        statements.append(
            "select cron.alter_job(j.jobid, active := false)\nfrom cron.job j\n"
            f"where j.command = {literal(str(p['command']))} and j.schedule = {literal(str(p['schedule']))}"
        )
    if new is not None and new.properties["user"] != p["user"]:
        statements = [f"set local role {identifier(str(p['user']))}", *statements, "reset role"]
    return tuple(statements)


def _name(fact: Fact) -> str:
    """The job's name, without the number that sets two of different users apart."""
    return re.sub(r" #\d+$", "", fact.identity)
