"""The commands with which a role really reaches rows of a new object."""

from __future__ import annotations

from pg_deploy.access.facts.policies import commands_of
from pg_deploy.access.facts.rights import bypasses, reachable_roles
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.grammar import ast
from pg_deploy.parsing.expressions import call_name, conjuncts, only_value, parse_predicate, sides_of

NOT_SIGNED_IN = "anon"
"""The role of requests that name no user: auth.uid() is null there."""


def reached_commands(role: str, commands: tuple[str, ...], kind: str, name: str, facts: Facts) -> tuple[str, ...]:
    """The granted commands that reach rows: with row level security only those that a permissive policy is for."""
    table = facts.by_key.get(("table", name if kind == "table" else parsed(kind, name).relation))
    if kind not in ("table", "column") or table is None or not table.properties.get("row level security"):
        return commands
    owns = table.properties.get("owner") == role and not table.properties.get("force row level security")
    if owns or bypasses(role, facts):
        return commands
    role_and_groups = reachable_roles(facts, [role])
    allowed = {
        command
        for fact in facts.facts
        if fact.kind == "policy" and fact.identity.relation == table.identity and not fact.properties.get("restrictive")
        if role != NOT_SIGNED_IN or not _needs_a_user(fact)
        if role_and_groups & {str(each) for each in fact.properties.get("roles", [])}
        for command in commands_of(fact)
    }
    return tuple(command for command in commands if command in allowed)


def _needs_a_user(policy: Fact) -> bool:
    """Whether each predicate of a policy compares something with the user who asks: then it lets nobody through without one."""
    texts = [str(policy.properties[part]) for part in ("using", "with check") if part in policy.properties]
    return bool(texts) and all(any(map(_compares_with_user, conjuncts(parse_predicate(text)))) for text in texts)


def _compares_with_user(node: ast.Node) -> bool:
    return any(map(_is_user, sides_of(node) or ()))


def _is_user(node: ast.Node) -> bool:
    inner: ast.Node | None = node
    while isinstance(inner, (ast.TypeCast, ast.SubLink)):
        inner = inner.arg if isinstance(inner, ast.TypeCast) else only_value(inner.subselect)
    return isinstance(inner, ast.FuncCall) and call_name(inner) == ("auth", "uid")
