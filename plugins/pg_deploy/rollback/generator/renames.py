"""Names taken back: what the migration renamed or moved is known by its address, in whatever way that was done.

Renames run first, in an order that frees each name before it is given; a new object that has taken an old name gets a temporary
one until it is dropped. All later statements are made from the facts as they are after the renames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pg_deploy.catalog.kinds import (
    CALLED_ON,
    IN_SCHEMA,
    OF_THE_DATABASE,
    OF_TYPES,
    ON_RELATION,
    RELATIONS,
    ROUTINES,
    USING,
)
from pg_deploy.catalog.names import Identity, Key, identity_of, made, parsed
from pg_deploy.catalog.objects import Address, Objects
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.draft import heirs_of, owned_by
from pg_deploy.rollback.generator.drops import backing_constraint
from pg_deploy.rollback.generator.order import relation_of
from pg_deploy.rollback.generator.wording import Wording

_RELATION_LIKE = (*RELATIONS, "sequence", "index")
_OTHER_KINDS = (
    *(kind for kind in IN_SCHEMA if kind not in _RELATION_LIKE), *USING,
    *(kind for kind in OF_THE_DATABASE if kind not in ("schema", "extension")),
)  # fmt: skip
_NEVER_RENAMED = ("cast", "extension", "access method")
"""Their names do not change, or an extension decides them."""


@dataclass
class Renaming:
    """The statements that give back the old names, and the facts and keys as they read after those."""

    statements: list[str]
    facts: dict[Key, Fact]
    keys: dict[Key, Key] = field(default_factory=dict)
    """The old key of each object, by its present one, if they differ."""
    schema_statements: int = 0
    """How many statements, the first ones, give schemas their names back; the others may need a schema that has to be made."""

    def key(self, key: Key) -> Key:
        """The old key of the object that has this key now."""
        return self.keys.get(key, key)


def take_back_names(before: Facts, after: Facts) -> Renaming:
    """The statements that give everything that is on both sides its old name. None if the addresses are not known. Pure."""
    if before.objects is None or after.objects is None or not before.objects.is_of(after.objects):
        return Renaming([], dict(after.by_key))
    return _Names(before, after, before.objects, after.objects).take_back()


class _Names:
    def __init__(self, before: Facts, after: Facts, was: Objects, now: Objects) -> None:
        self.before, self.after = before, after
        self.objects_before, self.objects_after = was, now
        pairs = {address: (now.keys[address], was.keys[address]) for address in now.keys.keys() & was.keys.keys()}
        # Both sides know what it is; a view that became a table has another address.
        self.pairs = {a: p for a, p in pairs.items() if p[0][0] == p[1][0] and p[0][0] not in _NEVER_RENAMED}
        self.current: dict[Address, Key] = dict(now.keys)
        """The key of each object after the statements so far."""
        self.by_name: dict[str, set[Address]] = {}
        self.parts: dict[str, set[Address]] = {}
        """By the name of a relation or domain, its columns, constraints, policies, triggers and rules."""
        for address, key in self.current.items():
            self._add(address, key)
        self.taken = {identity_of(key).name for objects in (was, now) for key in objects.addresses}
        self.statements: list[str] = []
        self.temporary = 0
        by_parents = {(classid, oid, 0) for classid, oid, *_, why in now.edges if why in "PS"}
        self.clones = {address for address in by_parents & now.keys.keys() if now.keys[address][0] == "trigger"}
        self.children = heirs_of(after.facts)

    def take_back(self) -> Renaming:
        self._rename_kinds(("schema",))
        schema_statements = len(self.statements)
        moved = dict(self._move_extensions_back())
        # First those whose old name is free: something else may be waiting for the name that they have now.
        multiranges = dict(self._rename_multiranges())
        for kinds in (_RELATION_LIKE, _OTHER_KINDS, OF_TYPES):
            self._rename_kinds(kinds)
        for kind in ON_RELATION:
            self._rename_kinds((kind,))
        multiranges |= self._rename_multiranges(multiranges)
        if not self.statements:
            return Renaming([], dict(self.after.by_key))
        first, was = self.objects_after.keys, self.objects_before.keys
        for address, key in first.items():
            # Its identity contains names of types, which are the old ones again.
            if key[0] in (*OF_TYPES, "cast") and address in was and was[address][0] == key[0]:
                self.current[address] = was[address] if key[0] == "cast" else self._of_old_types(address)
        schemas = {
            first[address][1] for address, key in self.current.items() if key[0] == "schema" and first[address] != key
        }
        # An object whose key is the same although a schema was renamed is listed too: what holds for the schema does not hold for it.
        changed = {
            first[address]: key
            for address, key in self.current.items()
            if first[address] != key or (schemas and identity_of(key).schema in schemas)
        } | multiranges
        wording = Wording(changed, self.after)
        for key, then in changed.items():
            if key[0] in OF_TYPES and self.objects_after.addresses.get(key) not in was:
                # It is new and in a renamed schema: the schemas of its arguments' types may be renamed too.
                arguments = wording.text(identity_of(key).arguments or "", set())
                changed[key] = (key[0], identity_of(then).with_arguments(arguments))
        facts: dict[Key, Fact] = {}
        keys = dict(changed)
        for key, fact in self.after.by_key.items():
            renamed = self._with_members_back(wording.fact(fact, changed.get(key)), moved)
            facts[renamed.kind, renamed.identity] = renamed
            if key in keys or renamed.key != key:
                keys[key] = renamed.key
        return Renaming(self.statements, facts, keys, schema_statements)

    def _rename_multiranges(self, done: Mapping[Key, Key] | None = None) -> Iterator[tuple[Key, Key]]:
        """Give multirange types their old names and schemas: pairs of keys. They are no facts, but a property of their range types.

        Leaves out those that are `done`; at first, without any, takes only those whose name is free.
        """
        for now, was in self.pairs.values():
            if now[0] != "type" or was not in self.before.by_key or now not in self.after.by_key:
                continue
            name, wanted = (
                parsed("type", str(side.by_key[key].properties.get("multirange") or ""))
                for side, key in ((self.after, now), (self.before, was))
            )
            moves = identity_of(now).schema != identity_of(was).schema
            if not name or not wanted or name == wanted or moves or ("type", name) in (done or ()):
                continue
            if done is None and any(_collides(("type", wanted), self.current[a]) for a in self.by_name.get(wanted, ())):
                continue
            here = name
            if name.schema != wanted.schema:
                self.statements.append(f"alter type {name} set schema {wanted.schema}")
                here = name.with_schema(wanted.schema)
            if name.name != wanted.name:
                self.statements.append(f"alter type {here} rename to {wanted.name}")
            yield ("type", name), ("type", wanted)

    def _move_extensions_back(self) -> Iterator[tuple[str, str]]:
        """Move extensions back to their schemas: pairs of the present and the old schema."""
        for key in sorted(key for key in self.after.by_key if key[0] == "extension" and key in self.before.by_key):
            now, was = (side.by_key[key].properties for side in (self.after, self.before))
            if now["schema"] != was["schema"] and now["version"] == was["version"]:
                schema = identifier(str(was["schema"]))
                self.statements.append(f"alter extension {key[1]} set schema {schema}")
                for address in self._members(key) & self.pairs.keys():
                    self._note_key(address, self.pairs[address][1])
                yield identifier(str(now["schema"])), schema

    def _members(self, extension: Key) -> set[Address]:
        found = self.objects_after.addresses.get(extension)
        return {
            (classid, oid, 0)
            for classid, oid, _, refclass, refoid, _, why in self.objects_after.edges
            if why == "e" and (refclass, refoid, 0) == found
        }

    def _with_members_back(self, fact: Fact, moved: Mapping[str, str]) -> Fact:
        """The fact as it is once the extensions that it names are back in their schemas; their members are no facts."""
        if not moved:
            return fact
        same = self.before.by_key.get(fact.key)
        if same is not None and fact.kind == "extension":
            return fact if same.properties["version"] != fact.properties["version"] else same
        # All at once: two extensions may have exchanged their schemas.
        anywhere = re.compile(rf"(?<![\w$.])({'|'.join(map(re.escape, moved))})\.")

        def back(text: str) -> str:
            return anywhere.sub(lambda found: f"{moved[found[1]]}.", text)

        def back_in_place(identity: Identity) -> Identity:
            there = identity.with_schema(moved.get(identity.schema, identity.schema))
            if there.kind == "cast":
                return made("cast", *map(back, there.parts))
            return there.with_arguments(back(there.arguments)) if there.arguments else there

        of = fact.identity.of if fact.kind not in ON_RELATION else None
        identity, definition = (
            fact.identity.with_object(back_in_place(of)) if of else back_in_place(fact.identity),
            back(fact.definition),
        )
        old = self.before.by_key.get((fact.kind, identity))
        return replace(fact, identity=identity, definition=definition) if old and old.definition == definition else fact

    def _rename_kinds(self, kinds: Iterable[str]) -> None:
        """Give all objects of these kinds their old schema and name. What is in the way is renamed first, if need be for a while."""
        todo = self._find_renamed(tuple(kinds))
        waiting = set(todo)
        for first in todo:
            chain = [first]
            while chain:
                address = chain[-1]
                occupant = self._find_occupant(address)
                if address not in waiting or self.current[address] == self.pairs[address][1]:
                    # It was renamed together with another one.
                    chain.pop()
                elif occupant is None:
                    self._move(address)
                    waiting.discard(address)
                    chain.pop()
                elif occupant in waiting and occupant not in chain:
                    chain.append(occupant)
                elif self.current[address][0] == "operator":
                    # No statement gives an operator another name: it is dropped, and made where it was.
                    waiting.discard(address)
                    chain.pop()
                else:
                    self._step_aside(occupant)

    def _find_renamed(self, kinds: tuple[str, ...]) -> list[Address]:
        return sorted(
            (
                address
                for address, (_, was) in self.pairs.items()
                if was[0] in kinds and self.current[address] != was and self._is_renamed(address)
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
        """The same part of the tables that inherit from its table, at any distance."""
        own = identity_of(self.objects_after.keys[address])
        for child in self.children.get(own.relation, ()):
            heir = self.objects_after.addresses.get((own.kind, own.on(child)))
            if heir is not None and self._is_inherited(heir):
                yield heir
                yield from self._heirs(heir)

    def _is_renamed(self, address: Address) -> bool:
        """Whether its schema or name differs, and not only the types of its arguments."""
        now, was = identity_of(self.current[address]), identity_of(self.pairs[address][1])
        return now.name != was.name or _namespace(now) != _namespace(was)

    def _move(self, address: Address) -> None:
        was = identity_of(self.pairs[address][1])
        name, schema = was.name, was.schema
        if was.kind not in ON_RELATION and self._identity(address).schema != schema:
            if self._identity(address).name != name and self._holder_of(self._in_schema(address, schema), address):
                # Another object there has its present name. It gets its old name first, or a temporary one if that is taken here.
                here = (was.kind, self._identity(address).with_name(name))
                self._rename(address, name=self._free_name(address) if self._holder_of(here, address) else name)
            self._set_schema(address, schema)
        if self._identity(address).name != name:
            self._rename(address, name=name)

    def _identity(self, address: Address) -> Identity:
        """Its identity after the statements so far."""
        return identity_of(self.current[address])

    def _is_carried(self, address: Address) -> bool:
        """Whether it moves with its relation: an index, or a sequence that a column owns."""
        kind = self.current[address][0]
        return kind == "index" or (kind == "sequence" and bool(self._fact(address).properties.get("owned by", "")))

    def _set_schema(self, address: Address, schema: str) -> None:
        kind, identity = self.current[address]
        if self._is_carried(address):
            # Its relation has not moved, or cannot: nothing leads there.
            return
        carried = self.belongings.get(self.objects_after.keys[address][1], ()) if kind in RELATIONS else ()
        for other in carried:
            if self._holder_of(self._in_schema(other, schema), other):
                self._step_aside(other)
        if kind in OF_TYPES:
            identity = self._of_old_types(address)[1]
        self.statements.append(f"alter {_type_and_name(kind, identity, self._fact(address))} set schema {schema}")
        self._note_key(address, self._in_schema(address, schema))
        for other in carried:
            self._note_key(other, self._in_schema(other, schema))

    def _in_schema(self, address: Address, schema: str) -> Key:
        called = self._identity(address)
        return called.kind, called.with_schema(schema)

    @cached_property
    def belongings(self) -> dict[str, list[Address]]:
        """By the name that a relation had first, its indexes and the sequences of its columns."""
        found: dict[str, list[Address]] = {}
        for key, address in self.objects_after.addresses.items():
            fact = self.after.by_key.get(key) if key[0] in ("index", "sequence") else None
            if fact is not None:
                column = owned_by(fact)
                found.setdefault(relation_of(fact) or (column.relation if column else ""), []).append(address)
        return found

    def _rename(self, address: Address, name: str) -> None:
        called = self._identity(address)
        kind, fact = called.kind, self._fact(address)
        if kind in ROUTINES and address in self.pairs:
            called = identity_of(self._of_old_types(address))
        of_domain = ("type", fact.identity.relation) in self.after.by_key
        if not self._follows_its_type(address):
            self.statements.append(f"alter {_rename_clause(called, name, fact, of_domain)}")
        heirs = tuple(self._heirs(address)) if kind in ("column", "constraint", "trigger") else ()
        for each in (address, *heirs):
            for other in (each, self._twin(each)):
                if other is not None:
                    self._note_key(other, (self.current[other][0], self._identity(other).with_name(name)))

    def _follows_its_type(self, address: Address) -> bool:
        """Whether it is a typed table's column: it gets its name back with the attribute of that type."""
        column = identity_of(self.objects_after.keys[address])
        table = self.after.by_key.get(("table", column.relation)) if column.kind == "column" else None
        return table is not None and bool(table.properties.get("of type"))

    def _of_old_types(self, address: Address) -> Key:
        """What it is called at the moment, once the types of its arguments have their old names again."""
        called, was = self._identity(address), identity_of(self.pairs[address][1])
        return called.kind, called.with_arguments(was.arguments or "")

    def _twin(self, address: Address) -> Address | None:
        """What is renamed with it: a constraint's index, an index's constraint."""
        first = self.objects_after.keys[address]
        if first[0] == "index" and first in self.after.by_key:
            backed = backing_constraint(self.after.by_key[first], self.after.by_key)
            return self.objects_after.addresses.get(backed) if backed else None
        if first[0] == "constraint" and first in self.after.by_key:
            definition = str(self.after.by_key[first].properties.get("definition", ""))
            if definition.startswith(("PRIMARY KEY", "UNIQUE", "EXCLUDE")):
                return self.objects_after.addresses.get(("index", identity_of(first).beside("index")))
        return None

    def _note_key(self, address: Address, key: Key) -> None:
        """Note its new key, and those of what belongs to it."""
        old = self.current[address]
        self._replace(address, key)
        if key[0] not in (*RELATIONS, "type", "schema"):
            return
        if key[0] != "schema":
            for other in sorted(self.parts.get(old[1], ())):
                self._replace(other, (self.current[other][0], self._identity(other).on(key[1])))
            return
        for other, each in list(self.current.items()):
            if identity_of(each).schema == old[1]:
                self._replace(other, (each[0], identity_of(each).with_schema(key[1])))

    def _replace(self, address: Address, key: Key) -> None:
        called = self._identity(address)
        self.by_name[called].discard(address)
        if called.kind in ON_RELATION:
            self.parts[called.relation].discard(address)
        self.current[address] = key
        self._add(address, key)

    def _add(self, address: Address, key: Key) -> None:
        self.by_name.setdefault(key[1], set()).add(address)
        if key[0] in ON_RELATION:
            self.parts.setdefault(identity_of(key).relation, set()).add(address)

    def _find_occupant(self, address: Address) -> Address | None:
        """Which object has the name that this one is to get."""
        return self._holder_of(self.pairs[address][1], address)

    def _holder_of(self, wanted: Key, address: Address) -> Address | None:
        """Which other object has that name."""
        for other in sorted(self.by_name.get(wanted[1], ())):
            clash = _collides(wanted, self.current[other]) or (self._is_relation(address) and self._is_relation(other))
            if other != address and clash and other != self._twin(address):
                return other
        return None

    def _is_relation(self, address: Address) -> bool:
        """Whether its name is among those of relations: a composite type's is, an enum's is not."""
        kind = self.current[address][0]
        return kind in _RELATION_LIKE or (kind == "type" and "composite" in self._fact(address).properties)

    def _step_aside(self, address: Address) -> None:
        self._rename(address, name=self._free_name(address))

    def _free_name(self, address: Address) -> str:
        begin = self._identity(address).plain_name[:40]
        while True:
            self.temporary += 1
            name = identifier(f"{begin}_undo_{self.temporary}")
            if name not in self.taken:
                return name

    def _fact(self, address: Address) -> Fact:
        first = self.objects_after.keys[address]
        return self.after.by_key.get(first, Fact(first[0], identity_of(first), "{}", "database"))


def _namespace(called: Identity) -> str:
    """The relation or the schema in which no other object of its kind has its name."""
    return called.relation or called.schema


def _collides(wanted: Key, other: Key) -> bool:
    """Whether two objects cannot have these names at once."""
    if wanted[0] in (*_RELATION_LIKE, "type") and other[0] in (*_RELATION_LIKE, "type"):
        same_namespace = (wanted[0] == "type") == (other[0] == "type") or "index" not in (wanted[0], other[0])
        return wanted[1] == other[1] and same_namespace
    if wanted[0] in ROUTINES and other[0] in ROUTINES:
        return wanted[1] == other[1]
    return wanted == other


def _type_and_name(kind: str, identity: str, fact: Fact) -> str:
    if kind == "type" and "domain over" in fact.properties:
        return f"domain {identity}"
    return f"{kind} {identity}"


def _rename_clause(called: Identity, name: str, fact: Fact, of_domain: bool) -> str:
    kind = called.kind
    if kind in ("column", "constraint"):
        table = "domain" if kind == "constraint" and of_domain else "table"
        return f"{table} {called.relation} rename {kind} {called.name} to {name}"
    if kind in CALLED_ON:
        return f"{kind} {called.name} on {called.relation} rename to {name}"
    return f"{_type_and_name(kind, called, fact)} rename to {name}"


def list_renamed_needs(objects: Objects, renaming: Renaming) -> Iterator[tuple[Key, Key, str]]:
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
