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
    """Policies that came, went or differ on tables that were there before, and tables where more of them add up."""
    old, new = _policies(before), _policies(after)
    there, still = ({key[1] for key in facts.by_key if key[0] == "table"} for facts in (before, after))
    tables = there & still
    for key in sorted(old.keys() | new.keys()):
        if key[0] in tables and old.get(key) != new.get(key):
            yield _one(key, old.get(key), new.get(key))
    yield from _grown(old, new, tables, before, after, api)


def commands_of(policy: Fact) -> tuple[str, ...]:
    """The commands that a policy speaks of."""
    command = str(policy.properties["command"])
    return COMMANDS if command == "all" else (command,)


def shown(policy: Fact, *, whole: bool = False) -> str:
    """`permissive, for select, to anon, authenticated, using (…), with check (…)`; long predicates cut, but for `whole`."""
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
    """By table and name."""
    return {(fact.identity.relation, fact.identity.name): fact for fact in facts.facts if fact.kind == "policy"}


def _one(key: tuple[str, str], old: Fact | None, new: Fact | None) -> AccessChange:
    table, name = key
    fact = new or old
    if fact is None:
        raise ValueError(f"policy {in_quotes(name)} is on neither side")
    roles = ", ".join(str(role) for role in fact.properties.get("roles", []))
    where = f"policy {in_quotes(name)} on {in_quotes(table)}"
    if old is None:
        return AccessChange("changed", roles, table, commands_of(fact), f"{where} is new: {shown(fact)}", decides=False)
    if new is None:
        return AccessChange(
            "changed", roles, table, commands_of(fact), f"{where} is gone: {shown(fact)}", decides=False
        )
    said = Rewritten(where, *where_they_differ(shown(old, whole=True), shown(new, whole=True)))
    return AccessChange("changed", roles, table, commands_of(fact), said.sentence, decides=False, rewritten=said)


def where_they_differ(one: str, other: str, most: int = 300) -> tuple[str, str]:
    """Two texts, long ones cut to what differs and some of what stands around it."""
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


def _grown(
    old: dict[tuple[str, str], Fact],
    new: dict[tuple[str, str], Fact],
    tables: set[str],
    before: Facts,
    after: Facts,
    api: Api,
) -> Iterator[AccessChange]:
    counted_before, counted_after = _counted(old, before, api), _counted(new, after, api)
    grown = Counter(counted_after)
    grown.subtract(counted_before)
    joined: dict[tuple[str, str], list[str]] = {}
    for (table, role, command), more in sorted(grown.items()):
        if more > 0 and table in tables:
            joined.setdefault((table, role), []).append(command)
    for (table, role), commands in joined.items():
        names = sorted(
            name
            for (where, name), fact in new.items()
            if where == table
            and not fact.properties.get("restrictive")
            and set(commands) & set(commands_of(fact))
            and ({PUBLIC, role} & set(fact.properties.get("roles", [])))
        )
        added = [name for name in names if (table, name) not in old]
        stayed = [name for name in names if (table, name) in old]
        beside = f", beside {_quoted(stayed)}, which stayed" if stayed and added else ""
        said = _quoted(added or names) or "those of roles that it is a member of"
        yield AccessChange(
            "gained",
            role,
            table,
            tuple(commands),
            f"more policies than before let {role} {' and '.join(commands)} rows of {in_quotes(table)}: "
            f"{said}{' is new' if len(added) == 1 else ' apply now'}{beside}; "
            "was an old policy left behind, or its role list widened?",
            decides=_by_itself(table, role, commands, added, counted_before, old, new),
        )


def _by_itself(
    table: str,
    role: str,
    commands: list[str],
    added: list[str],
    counted: Counter[tuple[str, str, str]],
    old: dict[tuple[str, str], Fact],
    new: dict[tuple[str, str], Fact],
) -> bool:
    """Whether more policies are a difference whatever rows say: unless one of before was split, and none says the same twice."""
    if any(not counted[table, role, command] for command in commands):
        return True
    if not any(key[0] == table and new.get(key) != fact for key, fact in old.items()):
        return True
    return any(
        _says_the_same(fact, other)
        for (where, name), fact in new.items()
        if where == table and name in added
        for (elsewhere, another), other in new.items()
        if elsewhere == table and another != name
    )


def _says_the_same(one: Fact, other: Fact) -> bool:
    """Whether two policies have a command in common and one and the same predicate."""
    parts = ("using", "with check")
    alike = all(one.properties.get(part) == other.properties.get(part) for part in parts)
    return alike and bool(set(commands_of(one)) & set(commands_of(other)))


def _counted(policies: dict[tuple[str, str], Fact], facts: Facts, api: Api) -> Counter[tuple[str, str, str]]:
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
    return " and ".join(f"{in_quotes(name)}" for name in names)
