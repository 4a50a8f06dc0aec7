"""How definitions read once objects have other names: the server deparses each name qualified, so names can be told from words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pg_deploy.catalog.identities import of_grant, on_relation, unquoted
from pg_deploy.catalog.names import own_name, owner_of, parts
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.rollback.generator.draft import ON_RELATION, RELATIONS, Key
from pg_deploy.rollback.generator.order import relation_of

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_TOKEN = re.compile(rf"(?P<body>\$(\w*)\$.*?\$\2\$)|(?P<literal>'(?:[^']|'')*')|{_NAME}(?:\.{_NAME})*", re.DOTALL)
_ALIAS = re.compile(rf"({_NAME})\.({_NAME}) AS \2(?![\w\"])")
_ROUTINES = ("function", "procedure", "aggregate")
_OF_NO_SCHEMA = {
    "server": r"server ",
    "foreign data wrapper": r"foreign[ -]data wrapper ",
    "event trigger": r"event trigger ",
    "publication": r"publication ",
}
"""Kinds whose names stand alone, and how a comment or grant begins that is on one."""
_ENDS = {("user mapping", "server"): " on server ", ("publication schema", "publication"): " of publication "}
"""What stands before such a name at the end of an identity, by the identity's kind and that of the name."""
_NAMED_BY = {"server": "server", "wrapper": "foreign data wrapper"}
"""Properties that hold such a name, unquoted."""
_UNNAMED = (
    "schema",
    "comment",
    "grant",
    "default grant",
    "publication schema",
    "cast",
    "operator",
    "dependency on extension",
)


class Wording:
    """Texts in new names, from a mapping of the keys that change."""

    def __init__(self, changed: Mapping[Key, Key], after: Facts) -> None:
        self.changed = changed
        self.called = _called(changed, after)
        self.alike: dict[str, list[Key]] = {}
        for key in (each for keys in self.called.values() if len(keys) > 1 for each in keys):
            self.alike.setdefault(key[1], []).append(key)
        self.needs: dict[Key, set[Key]] = {}
        self.schemas = {now: then for (kind, now), (_, then) in changed.items() if kind == "schema"}
        self.alone = [(kind, now, then) for (kind, now), (_, then) in changed.items() if kind in _OF_NO_SCHEMA]
        self.operators = _operators(changed, after)
        self.columns: dict[str, dict[str, str]] = {}
        self.heads: dict[str, str] = {}
        for (kind, now), (_, then) in changed.items():
            if kind == "column":
                if own_name(now) != own_name(then):
                    self.columns.setdefault(owner_of(now), {})[own_name(now)] = own_name(then)
            elif kind in RELATIONS and own_name(now) != own_name(then):
                self.heads[now] = own_name(then)
        self.near: dict[Key, set[str]] = {}
        if after.objects is not None:
            keys = after.objects.keys
            for classid, oid, number, refclass, refoid, _, _ in after.objects.edges:
                one = keys.get((classid, oid, number)) or keys.get((classid, oid, 0))
                other = keys.get((refclass, refoid, 0))
                if one and other:
                    self.needs.setdefault(one, set()).add(other)
                if one and other and other[0] in RELATIONS:
                    self.near.setdefault(one, set()).add(other[1])

    def fact(self, fact: Fact, key: Key | None) -> Fact:
        """The fact in new names; `key` is its own new one, where that is known."""
        identity = key[1] if key else self._identity(fact)
        near = self._near(fact)
        own = (fact.kind, fact.identity)
        properties = {
            self.text(name, near, own) if fact.kind == "index" and "." in name else name: self._value(
                name, value, near, own
            )
            for name, value in fact.properties.items()
        }
        if key is not None and "definition" in properties:
            properties["definition"] = self._own_name(fact, key, str(properties["definition"]))
        if fact.kind in ("view", "materialized view"):
            properties["definition"] = _ALIAS.sub(r"\1.\2", str(properties["definition"]))
        definition = json.dumps(properties, sort_keys=True, ensure_ascii=False)
        return Fact(fact.kind, identity, definition, fact.scope)

    def _near(self, fact: Fact) -> set[str]:
        key = (fact.kind, fact.identity)
        own = relation_of(fact)
        found = set(self.near.get(key, ()))
        if fact.kind in RELATIONS:
            found.add(fact.identity)
        return found | ({own} if own else set())

    def _identity(self, fact: Fact) -> str:
        identity = fact.identity
        if fact.kind == "comment" and (found := on_relation(identity)):
            kind = "constraint" if "constraint" in found["kind"] else found["kind"]
            now = (kind, f"{found['of']}.{found['name']}")
            then = self.changed.get(now)
            if then:
                return f"{found['kind']} {own_name(then[1])} on {owner_of(then[1])}"
        if fact.kind in ON_RELATION:
            return f"{self.text(owner_of(identity), set())}.{own_name(identity)}"
        for kind, called, name in self.alone:
            if fact.kind in ("comment", "grant"):
                begin = re.match(rf"{_OF_NO_SCHEMA[kind]}(?={re.escape(called)}(?![\w\".]))", identity)
                if begin:
                    return begin[0] + name + identity[begin.end() + len(called) :]
            end = _ENDS.get((fact.kind, kind))
            if end and identity.endswith(end + called):
                identity = identity.removesuffix(called) + name
                break
        if fact.kind == "user mapping":
            return identity
        if fact.kind in ("grant", "comment", "default grant", "publication schema"):
            # All at once: two schemas may have exchanged their names.
            identity = re.sub(
                rf"(?<=schema )({_NAME})(?![\w\"])", lambda found: self.schemas.get(found[1], found[1]), identity
            )
            if fact.kind == "publication schema":
                schema, of, publication = identity.partition(" of publication ")
                identity = self.schemas.get(schema, schema) + of + publication
        return self.text(identity, set(), self._about(fact) or (fact.kind, identity))

    def _about(self, fact: Fact) -> Key | None:
        """Whose comment or grant it is, where several have the name: "statistics object shop.both", the kind comes first."""
        identity = rest = of_grant(fact.identity)[0] if fact.kind == "grant" else fact.identity
        while " " in rest:
            rest = rest.split(" ", 1)[1]
            for key in self.alike.get(rest, ()):
                if identity.startswith(key[0]) or (identity.startswith("table ") and key[0] in RELATIONS):
                    return key
        return None

    def _value(self, name: str, value: object, near: set[str], own: Key) -> object:
        if name in ("owner", "text", "enum", "roles", "options", "tags", "label"):
            return value
        if name in _NAMED_BY and isinstance(value, str):
            return next(
                (
                    unquoted(then)
                    for kind, now, then in self.alone
                    if kind == _NAMED_BY[name] and unquoted(now) == value
                ),
                value,
            )
        if name == "schema" and isinstance(value, str):
            return self.schemas.get(value, value)
        if isinstance(value, str):
            return self.text(value, near, own)
        if isinstance(value, list):
            return [self._value("", each, near, own) for each in value]
        return value

    def text(self, text: str, near: set[str], own: Key = ("", "")) -> str:
        """The text of `own` in new names; columns of the relations `near` by it are meant also where they stand alone."""
        columns = {now: then for relation in sorted(near) for now, then in self.columns.get(relation, {}).items()}
        heads = {own_name(relation): self.heads[relation] for relation in near if relation in self.heads}

        def new(found: re.Match[str]) -> str:
            token = found[0]
            if found["body"]:
                return token
            if found["literal"]:
                inner = token[1:-1]
                return f"'{self._qualified(inner, own, is_literal=True) or inner}'"
            qualified = self._qualified(token, own, text[found.end() :])
            if qualified is not None:
                return qualified
            pieces = list(parts(token))
            if len(pieces) > 2 or text[: found.start()].endswith(" AS "):
                return token
            pieces[-1] = columns.get(pieces[-1], pieces[-1])
            if len(pieces) == 2:
                pieces[0] = heads.get(pieces[0], pieces[0])
            return ".".join(pieces)

        return self._operators_named(_TOKEN.sub(new, text), own)

    def _operators_named(self, text: str, own: Key) -> str:
        """The text with operators in their schemas of then, all at once: two may have exchanged theirs."""

        def then(found: re.Match[str]) -> str:
            meant = self._operator_meant(self.operators[found["name"]], found["operands"] or "", own)
            return f"{meant or found['name']}{found['operands'] or ''}"

        names = [name for name in self.operators if name in text]
        if not names:
            return text
        one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return re.sub(rf"(?<![\w$\".])(?P<name>{one})(?![+*/<>=~!@#%^&|`?-])(?P<operands>\([^()]*\))?", then, text)

    def _operator_meant(self, keys: list[Key], operands: str, own: Key) -> str | None:
        """Which of those of one name is meant, as it is called then: that of the operands beside it, or what `own` needs."""
        named = operands.replace("pg_catalog.", "")
        needed = self.needs.get(own, set())
        meant = [key for key in keys if named and key[1].endswith(named)] or [key for key in keys if key in needed]
        if not meant and all(key in self.changed for key in keys):
            meant = keys
        return _base(self.changed[meant[0]]) if meant and meant[0] in self.changed else None

    def _qualified(self, token: str, own: Key, after: str = "", *, is_literal: bool = False) -> str | None:
        pieces = parts(token)
        if len(pieces) < 2:
            return None
        name = f"{pieces[0]}.{pieces[1]}"
        rest = list(pieces[2:])
        if rest:
            rest[0] = self.columns.get(name, {}).get(rest[0], rest[0])
        meant = self._meant(name, own, after, is_literal)
        if meant is not None:
            return ".".join([_base(self.changed.get(meant, meant)), *rest])
        if name in self.columns:
            return ".".join([name, *rest])
        if pieces[0] in self.schemas:
            return ".".join([self.schemas[pieces[0]], *pieces[1:]])
        return None

    def _meant(self, name: str, own: Key, after: str, is_literal: bool) -> Key | None:
        """Who is meant where several have a name, as a function and a table may: itself, what it needs, what is called with these
        arguments; a literal holds a relation's name, and a text never an index's, unless it is the index's own."""
        keys = self.called.get(name, ())
        if len(keys) > 1:
            needed = self.needs.get(own, set())
            called = after.startswith("(")
            for fits in (
                lambda key: key == own,
                lambda key: key in needed,
                lambda key: key[0] in _ROUTINES and after.startswith(key[1][len(name) :]),
                lambda key: (key[0] in _ROUTINES) == called,
                lambda key: (key[0] == "sequence") == is_literal,
                lambda key: key[0] in RELATIONS,
                lambda key: key[0] != "index",
            ):
                keys = tuple(filter(fits, keys)) or keys
        return keys[0] if keys else None

    def _own_name(self, fact: Fact, key: Key, definition: str) -> str:
        """The name that a definition gives its own object, where it stands unqualified."""
        new, old = own_name(key[1].split("(")[0]), own_name(fact.identity.split("(")[0])
        if new == old or fact.kind not in ("index", "trigger", "rule"):
            return definition
        return re.sub(rf"(?<![\w\".]){re.escape(old)}(?![\w\"])", lambda _: new, definition, count=1)


def _base(key: Key) -> str:
    """The qualified name alone, without arguments or access method."""
    return key[1].split("(")[0] if key[0] in (*_ROUTINES, "operator") else key[1].split(" using ")[0]


def _called(changed: Mapping[Key, Key], after: Facts) -> dict[str, tuple[Key, ...]]:
    """Each name that changes for somebody, and all who have it."""
    names = {_base(key) for key in changed if _has_name(key)}
    found: dict[str, list[Key]] = {}
    for key in sorted({*after.by_key, *changed}):
        if _has_name(key) and _base(key) in names:
            found.setdefault(_base(key), []).append(key)
    return {name: tuple(keys) for name, keys in found.items()}


def _operators(changed: Mapping[Key, Key], after: Facts) -> dict[str, list[Key]]:
    """Each operator's name of which one is called otherwise then, and all that have it: an operator may stand for many operands."""
    names = {_base(now) for now, then in changed.items() if now[0] == "operator" and _base(now) != _base(then)}
    found: dict[str, list[Key]] = {name: [] for name in sorted(names)}
    for key in sorted(after.by_key):
        if key[0] == "operator" and _base(key) in found:
            found[_base(key)].append(key)
    return found


def _has_name(key: Key) -> bool:
    return key[0] not in (*ON_RELATION, *_UNNAMED)
