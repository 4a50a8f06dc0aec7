"""What a new object opens: the commands with which a role really reaches rows of it, and whether that has to be declared."""

from __future__ import annotations

from pg_deploy.access.policies import commands_of, table_of
from pg_deploy.access.rights import reachable_roles
from pg_deploy.catalog.reader import Facts

_BYPASSES = ("superuser", "bypass row level security")


def bypasses(role: str, facts: Facts) -> bool:
    """Whether no policy holds the role back: all that is new is within its reach, and saying so declares nothing."""
    fact = facts.by_key.get(("role", role))
    return fact is not None and any(fact.properties.get(attribute) for attribute in _BYPASSES)


def reached_commands(role: str, commands: tuple[str, ...], kind: str, name: str, facts: Facts) -> tuple[str, ...]:
    """Of the granted commands those that reach rows: behind row level security only what a permissive policy speaks of."""
    table = facts.by_key.get(("table", name if kind == "table" else name.rsplit(".", 1)[0]))
    if kind not in ("table", "column") or table is None or not table.properties.get("row level security"):
        return commands
    owns = table.properties.get("owner") == role and not table.properties.get("force row level security")
    if owns or bypasses(role, facts):
        return commands
    itself = reachable_roles(facts, [role])
    spoken = {
        command
        for fact in facts.facts
        if fact.kind == "policy" and table_of(fact)[0] == table.identity and not fact.properties.get("restrictive")
        if itself & {str(each) for each in fact.properties.get("roles", [])}
        for command in commands_of(fact)
    }
    return tuple(command for command in commands if command in spoken)
