"""What differs between two sets of policies, in words: an old policy left behind shows in no row set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pg_deploy.access.facts.access_change import AccessChange, Rewritten, cut
from pg_deploy.access.facts.api import Api
from pg_deploy.access.facts.rights import PUBLIC, reachable_roles
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.postgres.quoting import in_quotes

COMMANDS = ("select", "insert", "update", "delete")


def policy_changes(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    """Policies that came, went or differ on tables that are on both sides, and the roles to which more policies apply there."""
    old, new = _policies(before), _policies(after)
    tables = {name for kind, name in before.by_key.keys() & after.by_key.keys() if kind == "table"}
    for key in sorted(old.keys() | new.keys()):
        if key[0] in tables and old.get(key) != new.get(key):
            yield _policy_change(key, old.get(key), new.get(key))
    yield from _added_up(old, new, tables, before, after, api)


def commands_of(policy: Fact) -> tuple[str, ...]:
    """The commands that a policy is for."""
    command = str(policy.properties["command"])
    return COMMANDS if command == "all" else (command,)


def describe_policy(policy: Fact, *, whole: bool = False) -> str:
    """`permissive, for select, to anon, authenticated, using (…), with check (…)`; long predicates are cut, unless `whole`."""
    properties = policy.properties
    parts = [
        "restrictive" if properties.get("restrictive") else "permissive",
        f"for {properties['command']}",
        "to " + ", ".join(str(role) for role in properties.get("roles", [])),
    ]
    parts += [
        f"{part} ({clause if whole else cut(clause, 300)})"
        for part in ("using", "with check")
        if part in properties
        for clause in (" ".join(str(properties[part]).split()),)
    ]
    return ", ".join(parts)


def _policies(facts: Facts) -> dict[tuple[str, str], Fact]:
    """The policies by table and name."""
    return {(fact.identity.relation, fact.identity.name): fact for fact in facts.facts if fact.kind == "policy"}


def _policy_change(key: tuple[str, str], old: Fact | None, new: Fact | None) -> AccessChange:
    table, policy = key
    fact = new or old
    if fact is None:
        raise ValueError(f"policy {in_quotes(policy)} is on neither side")
    roles = ", ".join(str(role) for role in fact.properties.get("roles", []))
    name = f"policy {in_quotes(policy)} on {in_quotes(table)}"
    rewritten = None
    if old is None:
        sentence = f"{name} is new: {describe_policy(fact)}"
    elif new is None:
        sentence = f"{name} is gone: {describe_policy(fact)}"
    else:
        texts = where_they_differ(describe_policy(old, whole=True), describe_policy(new, whole=True))
        rewritten = Rewritten(name, *texts)
        sentence = rewritten.sentence
    return AccessChange("changed", roles, table, commands_of(fact), sentence, decides=False, rewritten=rewritten)


def where_they_differ(one: str, other: str, most: int = 300) -> tuple[str, str]:
    """Two texts; if one is long, both are cut to the part that differs and a little text around it."""
    if max(len(one), len(other)) <= most:
        return one, other
    shorter = min(len(one), len(other))
    first = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    last = next((place for place in range(shorter - first) if one[-1 - place] != other[-1 - place]), shorter - first)
    return _window(one, first, last, most), _window(other, first, last, most)


def _window(text: str, first: int, last: int, most: int) -> str:
    around = 80
    start, end = max(0, first - around), min(len(text), max(first, len(text) - last) + around)
    end = min(end, start + most)
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _added_up(
    old: dict[tuple[str, str], Fact],
    new: dict[tuple[str, str], Fact],
    tables: set[str],
    before: Facts,
    after: Facts,
    api: Api,
) -> Iterator[AccessChange]:
    """The roles to which more permissive policies of a table apply than before."""
    counted_before, counted_after = _counted(old, before, api), _counted(new, after, api)
    commands_with_more: dict[tuple[str, str], list[str]] = {}
    for (table, role, command), number in sorted(counted_after.items()):
        if number > counted_before[table, role, command] and table in tables:
            commands_with_more.setdefault((table, role), []).append(command)
    for (table, role), commands in commands_with_more.items():
        names = sorted(
            name
            for (of_table, name), fact in new.items()
            if of_table == table
            and not fact.properties.get("restrictive")
            and set(commands) & set(commands_of(fact))
            and ({PUBLIC, role} & set(fact.properties.get("roles", [])))
        )
        added = [name for name in names if (table, name) not in old]
        stayed = [name for name in names if (table, name) in old]
        beside = f", beside {_quoted(stayed)}, which stayed" if stayed and added else ""
        applying = added or names
        verb = "is new" if len(added) == 1 else "applies now" if len(applying) == 1 else "apply now"
        policies = _quoted(applying) or "those of roles that it is a member of"
        yield AccessChange(
            "gained",
            role,
            table,
            tuple(commands),
            f"more policies than before let {role} {' and '.join(commands)} rows of {in_quotes(table)}: "
            f"{policies} {verb}{beside}; was an old policy left behind, or its role list widened?",
            decides=_decides_by_itself(table, role, commands, added, counted_before, old, new),
        )


def _decides_by_itself(
    table: str,
    role: str,
    commands: list[str],
    added: list[str],
    counted: Counter[tuple[str, str, str]],
    old: dict[tuple[str, str], Fact],
    new: dict[tuple[str, str], Fact],
) -> bool:
    """Whether the larger number is a difference by itself: not if an old policy was split and no two policies say the same."""
    if any(not counted[table, role, command] for command in commands):
        return True
    if not any(key[0] == table and new.get(key) != fact for key, fact in old.items()):
        return True
    return any(
        _say_the_same(fact, other)
        for (of_table, name), fact in new.items()
        if of_table == table and name in added
        for (of_other, other_name), other in new.items()
        if of_other == table and other_name != name
    )


def _say_the_same(one: Fact, other: Fact) -> bool:
    """Whether two policies have a command in common and one and the same predicate."""
    parts = ("using", "with check")
    alike = all(one.properties.get(part) == other.properties.get(part) for part in parts)
    return alike and bool(set(commands_of(one)) & set(commands_of(other)))


def _counted(policies: dict[tuple[str, str], Fact], facts: Facts, api: Api) -> Counter[tuple[str, str, str]]:
    """How many permissive policies apply, by table, role of the API and command."""
    counted: Counter[tuple[str, str, str]] = Counter()
    own = {role: reachable_roles(facts, [role]) for role in api.roles}
    for (table, _), fact in policies.items():
        if fact.properties.get("restrictive"):
            continue
        for role in api.roles:
            if own[role] & set(fact.properties.get("roles", [])):
                counted.update((table, role, command) for command in commands_of(fact))
    return counted


def _quoted(names: list[str]) -> str:
    return " and ".join(map(in_quotes, names))
