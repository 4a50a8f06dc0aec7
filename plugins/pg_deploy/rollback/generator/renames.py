"""Names taken back: what the migration renamed or moved is known by its address, in whatever way that was done.

Renames run first, in an order that frees each name before it is given; what is new and has taken an old name steps aside
until it is dropped. All that follows is worked out on the facts as they will read by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pg_deploy.catalog.identities import unquoted
from pg_deploy.catalog.names import identifier, own_name, owner_of, parts, schema_of
from pg_deploy.catalog.objects import Address, Objects
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.rollback.generator.draft import ON_RELATION, RELATIONS, Key
from pg_deploy.rollback.generator.drops import backing_constraint
from pg_deploy.rollback.generator.order import relation_of
from pg_deploy.rollback.generator.wording import Wording

_RELATION_LIKE = (*RELATIONS, "sequence", "index")
_ROUTINES = ("function", "procedure", "aggregate")
_USING = ("operator class", "operator family")
_GLOBAL = (
    "schema", "extension", "foreign data wrapper", "server", "event trigger", "publication", "language", "access method",
)  # fmt: skip
_PLAIN = (
    "type", "collation", "conversion", "statistics", "text search configuration", "text search dictionary",
    "text search parser", "text search template",
)  # fmt: skip
_OF_TYPES = (*_ROUTINES, "operator")
"""Their names hold the types of what they take."""
_NEVER = ("cast", "extension", "access method")
"""Their names do not change, or an extension decides them."""


@dataclass
class Renaming:
    """The statements that give back the old names, and the facts and keys as they read after those."""

    statements: list[str]
    facts: dict[Key, Fact]
    keys: dict[Key, Key] = field(default_factory=dict)
    """By the key of now, for what is called differently then."""
    of_schemas: int = 0
    """How many of the statements give schemas their names back; what follows may move something into one that has to be made."""

    def key(self, key: Key) -> Key:
        """What the object of that key is called then."""
        return self.keys.get(key, key)


def take_back_names(before: Facts, after: Facts) -> Renaming:
    """What leads to the old names of all that is there on both sides. Nothing where the addresses are not known. Pure."""
    if before.objects is None or after.objects is None or not before.objects.is_of(after.objects):
        return Renaming([], dict(after.by_key))
    return _Names(before, after).taken_back()


class _Names:
    def __init__(self, before: Facts, after: Facts) -> None:
        self.before, self.after = before, after
        was, now = _objects(before), _objects(after)
        pairs = {address: (now.keys[address], was.keys[address]) for address in now.keys.keys() & was.keys.keys()}
        # Both sides know what it is; a view that became a table has another address.
        self.pairs = {a: p for a, p in pairs.items() if p[0][0] == p[1][0] and p[0][0] not in _NEVER}
        self.now: dict[Address, Key] = dict(now.keys)
        """What each object is called at the moment."""
        self.called: dict[str, set[Address]] = {}
        self.parts: dict[str, set[Address]] = {}
        """By the name of a relation or domain, its columns, constraints, policies, triggers and rules."""
        for address, key in self.now.items():
            self._put(address, key)
        self.taken = {_own(key) for objects in (was, now) for key in objects.addresses}
        self.statements: list[str] = []
        self.temporary = 0
        self.clones = {
            (one[0], one[1], 0)
            for *one, _, _, _, _, why in now.edges
            if why in "PS" and one[0] == _class_of(now, "trigger")
        }
        self.children: dict[str, list[str]] = {}
        for key, fact in sorted(after.by_key.items()):
            for parent in fact.properties.get("inherits", ()) if key[0] == "table" else ():
                self.children.setdefault(str(parent), []).append(key[1])

    def taken_back(self) -> Renaming:
        self._level(("schema",))
        of_schemas = len(self.statements)
        moved = dict(self._moved_extensions())
        # One frees the name that something else is to get, or waits for its own to be free.
        multiranges = dict(self._multiranges())
        for kinds in (_RELATION_LIKE, (*_PLAIN, *_USING, *_GLOBAL[2:]), _OF_TYPES):
            self._level(kinds)
        for kind in ON_RELATION:
            self._level((kind,))
        multiranges |= self._multiranges(multiranges)
        if not self.statements:
            return Renaming([], dict(self.after.by_key))
        first = _objects(self.after).keys
        was = _objects(self.before).keys
        for address, key in first.items():
            # Its name holds those of types, which are the old ones again.
            if key[0] in (*_OF_TYPES, "cast") and address in was and was[address][0] == key[0]:
                self.now[address] = was[address] if key[0] == "cast" else self._of_old_types(address)
        schemas = {
            first[address][1] for address, key in self.now.items() if key[0] == "schema" and first[address] != key
        }
        # What has the same name again though its schema has another one is told apart from what follows the schema.
        changed = {
            first[address]: key
            for address, key in self.now.items()
            if first[address] != key or (key[0] not in _GLOBAL and schema_of(key[1]) in schemas)
        } | multiranges
        wording = Wording(changed, self.after)
        facts: dict[Key, Fact] = {}
        keys = dict(changed)
        addresses = _objects(self.after).addresses
        for key, fact in self.after.by_key.items():
            then = changed.get(key)
            if then is not None and key[0] in _OF_TYPES and addresses.get(key) not in was:
                # It is new, and its schema gets its old name back; so may those of its arguments' types.
                head, operands = then[1].split("(")[0], key[1][key[1].index("(") :]
                then = (key[0], head + wording.text(operands, set()))
            renamed = wording.fact(fact, then)
            renamed = self._with_members_back(renamed, moved)
            facts[renamed.kind, renamed.identity] = renamed
            if key in keys or (renamed.kind, renamed.identity) != key:
                keys[key] = (renamed.kind, renamed.identity)
        return Renaming(self.statements, facts, keys, of_schemas)

    def _multiranges(self, done: Mapping[Key, Key] | None = None) -> Iterator[tuple[Key, Key]]:
        """Multirange types are no facts of their own: each is a word of its range type, and gets its name and schema back.

        Those that are not `done`; at first only those whose name is free.
        """
        for now, was in self.pairs.values():
            if now[0] != "type" or was not in self.before.by_key or now not in self.after.by_key:
                continue
            name, wanted = (
                str(side.by_key[key].properties.get("multirange") or "")
                for side, key in ((self.after, now), (self.before, was))
            )
            schemas = (schema_of(now[1]), schema_of(was[1]))
            if not name or not wanted or name == wanted or schemas[0] != schemas[1] or ("type", name) in (done or ()):
                continue
            if done is None and any(_same_place(("type", wanted), self.now[a]) for a in self.called.get(wanted, ())):
                continue
            here = name
            if schema_of(name) != schema_of(wanted):
                self.statements.append(f"alter type {name} set schema {schema_of(wanted)}")
                here = f"{schema_of(wanted)}.{own_name(name)}"
            if own_name(name) != own_name(wanted):
                self.statements.append(f"alter type {here} rename to {own_name(wanted)}")
            yield ("type", name), ("type", wanted)

    def _moved_extensions(self) -> Iterator[tuple[str, str]]:
        """Extensions that were moved whole, back to their schemas: from where to where."""
        for key in sorted(key for key in self.after.by_key if key[0] == "extension" and key in self.before.by_key):
            now, was = (side.by_key[key].properties for side in (self.after, self.before))
            if now["schema"] != was["schema"] and now["version"] == was["version"]:
                schema = identifier(str(was["schema"]))
                self.statements.append(f"alter extension {key[1]} set schema {schema}")
                for address in self._members(key) & self.pairs.keys():
                    self._call(address, self.pairs[address][1])
                yield identifier(str(now["schema"])), schema

    def _members(self, extension: Key) -> set[Address]:
        found = _objects(self.after).addresses.get(extension)
        edges = _objects(self.after).edges
        return {
            (one[0], one[1], 0)
            for *one, _, refclass, refoid, _, why in edges
            if why == "e" and (refclass, refoid, 0) == found
        }

    def _with_members_back(self, fact: Fact, moved: Mapping[str, str]) -> Fact:
        """The fact as it reads once the extensions that it speaks of are back; their members are no facts of their own."""
        if not moved:
            return fact
        same = self.before.by_key.get((fact.kind, fact.identity))
        if same is not None and fact.kind == "extension":
            return fact if same.properties["version"] != fact.properties["version"] else same
        # All at once: two extensions may have exchanged their schemas.
        anywhere = re.compile(rf"(?<![\w$.])({'|'.join(map(re.escape, moved))})\.")
        texts = [anywhere.sub(lambda found: f"{moved[found[1]]}.", text) for text in (fact.identity, fact.definition)]
        old = self.before.by_key.get((fact.kind, texts[0]))
        return replace(fact, identity=texts[0], definition=texts[1]) if old and old.definition == texts[1] else fact

    def _level(self, kinds: Iterable[str]) -> None:
        """Schema and name of everything of these kinds; what stands in the way goes first, or aside where it stays or waits too."""
        todo = self._different(tuple(kinds))
        waiting = set(todo)
        for first in todo:
            chain = [first]
            while chain:
                address = chain[-1]
                occupant = self._occupant(address)
                if address not in waiting or self.now[address] == self.pairs[address][1]:
                    # Done already, with what it was renamed with.
                    chain.pop()
                elif occupant is None:
                    self._move(address)
                    waiting.discard(address)
                    chain.pop()
                elif occupant in waiting and occupant not in chain:
                    chain.append(occupant)
                elif self.now[address][0] == "operator":
                    # No statement gives an operator another name: it is dropped, and made where it was.
                    waiting.discard(address)
                    chain.pop()
                else:
                    self._step_aside(occupant)

    def _different(self, kinds: tuple[str, ...]) -> list[Address]:
        return sorted(
            (
                address
                for address, (_, was) in self.pairs.items()
                if was[0] in kinds and self.now[address] != was and self._plainly(address)
            ),
            key=lambda address: (
                self._is_inherited(address),
                self._is_carried(address),
                self.pairs[address][1],
                address,
            ),
        )

    def _is_inherited(self, address: Address) -> bool:
        """Whether it is renamed with its parent's."""
        return bool(self._fact(address).properties.get("inherited")) or address in self.clones

    def _heirs(self, address: Address) -> Iterator[Address]:
        """The same part of the tables that inherit it, and of those that inherit from them."""
        kind, identity = _objects(self.after).keys[address]
        for child in self.children.get(owner_of(identity), ()):
            heir = _objects(self.after).addresses.get((kind, f"{child}.{own_name(identity)}"))
            if heir is not None and self._is_inherited(heir):
                yield heir
                yield from self._heirs(heir)

    def _plainly(self, address: Address) -> bool:
        """Whether schema or name differ, and not only the arguments' types."""
        now, was = self.now[address], self.pairs[address][1]
        return _own(now) != _own(was) or _within(now) != _within(was)

    def _move(self, address: Address) -> None:
        was = self.pairs[address][1]
        own = _own(was)
        if was[0] not in ON_RELATION and was[0] not in _GLOBAL and _within(self.now[address]) != _within(was):
            schema = schema_of(was[1])
            if _own(self.now[address]) != own and self._has(self._in_schema(address, schema), address):
                # On the way it would have a name that another one has: that of now there, or the old one here.
                here = (was[0], _with_own(*self.now[address], own))
                self._rename(address, own=self._free_name(address) if self._has(here, address) else own)
            self._set_schema(address, schema)
        if _own(self.now[address]) != own:
            self._rename(address, own=own)

    def _is_carried(self, address: Address) -> bool:
        """Whether it is where its relation is: an index, and a sequence that a column owns."""
        kind = self.now[address][0]
        return kind == "index" or (kind == "sequence" and bool(self._fact(address).properties.get("owned by", "")))

    def _set_schema(self, address: Address, schema: str) -> None:
        kind, identity = self.now[address]
        if self._is_carried(address):
            # Its relation has not moved, or cannot: nothing leads there.
            return
        carried = self.belongings.get(_objects(self.after).keys[address][1], ()) if kind in RELATIONS else ()
        for other in carried:
            if self._has(self._in_schema(other, schema), other):
                self._step_aside(other)
        if kind in _OF_TYPES:
            identity = self._of_old_types(address)[1]
        self.statements.append(f"alter {_words(kind, identity, self._fact(address))} set schema {schema}")
        self._call(address, self._in_schema(address, schema))
        for other in carried:
            self._call(other, self._in_schema(other, schema))

    def _in_schema(self, address: Address, schema: str) -> Key:
        kind, identity = self.now[address]
        return kind, f"{schema}.{'.'.join(_split(identity)[1:])}"

    @cached_property
    def belongings(self) -> dict[str, list[Address]]:
        """By the name that a relation had first, its indexes and the sequences of its columns."""
        found: dict[str, list[Address]] = {}
        for key, address in _objects(self.after).addresses.items():
            fact = self.after.by_key.get(key) if key[0] in ("index", "sequence") else None
            if fact is not None:
                owned = str(fact.properties.get("owned by", "")).removesuffix(" (identity)")
                found.setdefault(relation_of(fact) or (owner_of(owned) if owned else ""), []).append(address)
        return found

    def _rename(self, address: Address, own: str) -> None:
        kind, identity = self.now[address]
        fact = self._fact(address)
        if kind in _ROUTINES and address in self.pairs:
            identity = self._of_old_types(address)[1]
        of_domain = ("type", owner_of(_objects(self.after).keys[address][1])) in self.after.by_key
        if not self._follows_its_type(address):
            self.statements.append(f"alter {_renaming(kind, identity, own, fact, of_domain)}")
        heirs = tuple(self._heirs(address)) if kind in ("column", "constraint", "trigger") else ()
        for each in (address, *heirs):
            for other in (each, self._twin(each)):
                if other is not None:
                    self._call(other, (self.now[other][0], _with_own(*self.now[other], own)))

    def _follows_its_type(self, address: Address) -> bool:
        """Whether it is a typed table's column: it gets its name back with the attribute of that type."""
        kind, identity = _objects(self.after).keys[address]
        table = self.after.by_key.get(("table", owner_of(identity))) if kind == "column" else None
        return table is not None and bool(table.properties.get("of type"))

    def _of_old_types(self, address: Address) -> Key:
        """What it is called at the moment, once the types of its arguments have their old names again."""
        kind, identity = self.now[address]
        return kind, f"{identity.split('(', 1)[0]}({self.pairs[address][1][1].split('(', 1)[1]}"

    def _twin(self, address: Address) -> Address | None:
        """What is renamed with it: a constraint's index, an index's constraint."""
        first = _objects(self.after).keys[address]
        addresses = _objects(self.after).addresses
        if first[0] == "index" and first in self.after.by_key:
            backed = backing_constraint(self.after.by_key[first], self.after.by_key)
            return addresses.get(backed) if backed else None
        if first[0] == "constraint" and first in self.after.by_key:
            definition = str(self.after.by_key[first].properties.get("definition", ""))
            if definition.startswith(("PRIMARY KEY", "UNIQUE", "EXCLUDE")):
                return addresses.get(("index", f"{owner_of(owner_of(first[1]))}.{own_name(first[1])}"))
        return None

    def _call(self, address: Address, key: Key) -> None:
        """It is called so from now on, and what belongs to it follows."""
        old = self.now[address]
        self._set(address, key)
        if key[0] not in (*RELATIONS, "type", "schema"):
            return
        if key[0] != "schema":
            for other in sorted(self.parts.get(old[1], ())):
                kind, identity = self.now[other]
                self._set(other, (kind, f"{key[1]}.{own_name(identity)}"))
            return
        for other, (kind, identity) in list(self.now.items()):
            if kind not in _GLOBAL and kind != "cast" and parts(identity)[:1] == (old[1],):
                self._set(other, (kind, key[1] + identity[len(old[1]) :]))

    def _set(self, address: Address, key: Key) -> None:
        kind, identity = self.now[address]
        self.called[identity].discard(address)
        if kind in ON_RELATION:
            self.parts[owner_of(identity)].discard(address)
        self.now[address] = key
        self._put(address, key)

    def _put(self, address: Address, key: Key) -> None:
        self.called.setdefault(key[1], set()).add(address)
        if key[0] in ON_RELATION:
            self.parts.setdefault(owner_of(key[1]), set()).add(address)

    def _occupant(self, address: Address) -> Address | None:
        """What has the name that this one is to get."""
        return self._has(self.pairs[address][1], address)

    def _has(self, wanted: Key, address: Address) -> Address | None:
        """What has that name, and is not this one."""
        for other in sorted(self.called.get(wanted[1], ())):
            clash = _same_place(wanted, self.now[other]) or (self._is_relation(address) and self._is_relation(other))
            if other != address and clash and other != self._twin(address):
                return other
        return None

    def _is_relation(self, address: Address) -> bool:
        """Whether its name is among those of relations: a composite type's is, an enum's is not."""
        kind = self.now[address][0]
        return kind in _RELATION_LIKE or (kind == "type" and "composite" in self._fact(address).properties)

    def _step_aside(self, address: Address) -> None:
        self._rename(address, own=self._free_name(address))

    def _free_name(self, address: Address) -> str:
        self.temporary += 1
        kind, identity = self.now[address]
        own = identifier(f"{unquoted(_own((kind, identity)))[:40]}_undo_{self.temporary}")
        while own in self.taken:
            self.temporary += 1
            own = identifier(f"{unquoted(_own((kind, identity)))[:40]}_undo_{self.temporary}")
        return own

    def _fact(self, address: Address) -> Fact:
        first = _objects(self.after).keys[address]
        return self.after.by_key.get(first, Fact(*first, "{}", "database"))


def _class_of(objects: Objects, kind: str) -> int:
    return next((classid for of, _, classid, _, _ in objects.rows if of == kind), -1)


def _objects(facts: Facts) -> Objects:
    if facts.objects is None:
        raise ValueError("the facts were read without their objects")
    return facts.objects


def _split(identity: str) -> list[str]:
    head, paren, rest = identity.partition("(") if not identity.endswith('"') else (identity, "", "")
    found = list(parts(head))
    if paren:
        found[-1] += paren + rest
    return found


def _own(key: Key) -> str:
    kind, identity = key
    if kind in _OF_TYPES:
        return own_name(identity.split("(", 1)[0])
    if kind in _USING:
        return own_name(identity.split(" using ", 1)[0])
    return own_name(identity)


def _within(key: Key) -> str:
    kind, identity = key
    if kind in _GLOBAL:
        return ""
    return owner_of(identity) if kind in ON_RELATION else schema_of(identity)


def _with_own(kind: str, identity: str, own: str) -> str:
    if kind in _ROUTINES:
        return f"{schema_of(identity)}.{own}({identity.split('(', 1)[1]}"
    if kind in _USING:
        return f"{schema_of(identity)}.{own} using {identity.split(' using ', 1)[1]}"
    if kind in _GLOBAL:
        return own
    return f"{owner_of(identity)}.{own}"


def _same_place(wanted: Key, other: Key) -> bool:
    """Whether two objects cannot have these names at once."""
    if wanted[0] in (*_RELATION_LIKE, "type") and other[0] in (*_RELATION_LIKE, "type"):
        same_namespace = (wanted[0] == "type") == (other[0] == "type") or "index" not in (wanted[0], other[0])
        return wanted[1] == other[1] and same_namespace
    if wanted[0] in _ROUTINES and other[0] in _ROUTINES:
        return wanted[1] == other[1]
    return wanted == other


def _words(kind: str, identity: str, fact: Fact) -> str:
    if kind == "type" and "domain over" in fact.properties:
        return f"domain {identity}"
    return f"{kind} {identity}"


def _renaming(kind: str, identity: str, own: str, fact: Fact, of_domain: bool) -> str:
    if kind in ("column", "constraint"):
        table = "domain" if kind == "constraint" and of_domain else "table"
        return f"{table} {owner_of(identity)} rename {kind} {own_name(identity)} to {own}"
    if kind in ("trigger", "policy", "rule"):
        return f"{kind} {own_name(identity)} on {owner_of(identity)} rename to {own}"
    return f"{_words(kind, identity, fact)} rename to {own}"


def renamed_edges(objects: Objects, renaming: Renaming) -> Iterator[tuple[Key, Key, str]]:
    """Who needs whom, by the keys as they will be; see `Objects.edges`."""
    members = {
        (classid, oid): renaming.key(objects.keys[refclass, refoid, 0])
        for classid, oid, _, refclass, refoid, _, why in objects.edges
        if why == "e" and (refclass, refoid, 0) in objects.keys
    }

    def key_at(classid: int, oid: int, number: int) -> Key | None:
        if (classid, oid) in members:
            return members[classid, oid]
        found = objects.keys.get((classid, oid, number)) or objects.keys.get((classid, oid, 0))
        return renaming.key(found) if found else None

    for classid, oid, number, refclass, refoid, refnumber, why in objects.edges:
        one, other = key_at(classid, oid, number), key_at(refclass, refoid, refnumber)
        if one is not None and other is not None and one != other:
            yield one, other, why
