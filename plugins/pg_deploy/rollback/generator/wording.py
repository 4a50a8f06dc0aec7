"""What definitions say once objects have their old names: the server qualifies each name, so names can be told from other words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from pg_deploy.catalog.kinds import DEPENDENCY, ON_RELATION, PROPERTIES, RELATIONS, ROUTINES, SAID, VIEWS
from pg_deploy.catalog.names import Identity, Key, identity_of, made, parsed, unquoted
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.rollback.generator.order import relation_of

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_TOKEN = re.compile(rf"(?P<body>\$(\w*)\$.*?\$\2\$)|(?P<literal>'(?:[^']|'')*')|{_NAME}(?:\.{_NAME})*", re.DOTALL)
_PIECE = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_ALIAS = re.compile(rf"({_NAME})\.({_NAME}) AS \2(?![\w\"])")
_PROPERTIES_WITH_NAMES = {"server": "server", "wrapper": "foreign data wrapper"}
"""Properties that hold such a name, unquoted."""
_NOT_IN_TEXTS = (*PROPERTIES, *ON_RELATION, "schema", "cast", "operator")
"""Kinds whose identity is in no text as a qualified name."""


class Wording:
    """Texts with the old names, from a mapping of present to old keys."""

    def __init__(self, changed: Mapping[Key, Key], after: Facts) -> None:
        self.changed = changed
        self.keys_by_name = _keys_by_name(changed, after)
        self.needs: dict[Key, set[Key]] = {}
        self.schemas = {now: then for (kind, now), (_, then) in changed.items() if kind == "schema"}
        self.unquoted_names = {
            (kind, unquoted(now)): unquoted(then)
            for (kind, now), (_, then) in changed.items()
            if kind in _PROPERTIES_WITH_NAMES.values()
        }
        self.relations = {
            now: then for (kind, now), (_, then) in changed.items() if kind == "type" or kind in RELATIONS
        }
        self.operators = _operators(changed, after)
        self.columns: dict[str, dict[str, str]] = {}
        self.relation_names: dict[str, str] = {}
        for now, then in ((identity_of(now), identity_of(then)) for now, then in changed.items()):
            if now.name != then.name and now.kind == "column":
                self.columns.setdefault(now.relation, {})[now.name] = then.name
            elif now.name != then.name and now.kind in RELATIONS:
                self.relation_names[now] = then.name
        if after.objects is not None:
            keys = after.objects.keys
            for classid, oid, number, refclass, refoid, _, _ in after.objects.edges:
                one = keys.get((classid, oid, number)) or keys.get((classid, oid, 0))
                other = keys.get((refclass, refoid, 0))
                if one and other:
                    self.needs.setdefault(one, set()).add(other)

    def fact(self, fact: Fact, key: Key | None) -> Fact:
        """The fact with old names; `key` is its own old key, if that is known."""
        identity = identity_of(key) if key else self._old_identity(fact.identity)
        relations = self._relations_of(fact)
        own = fact.key
        properties = {
            self.text(name, relations, own) if fact.kind == "index" and "." in name else name: self._value(
                name, value, relations, own
            )
            for name, value in fact.properties.items()
        }
        if key is not None and "definition" in properties:
            properties["definition"] = self._replace_own_name(fact, key, str(properties["definition"]))
        if fact.kind in VIEWS:
            properties["definition"] = _ALIAS.sub(r"\1.\2", str(properties["definition"]))
        return replace(fact.with_properties(properties), identity=identity)

    def _relations_of(self, fact: Fact) -> set[str]:
        own = fact.identity if fact.kind in RELATIONS else relation_of(fact)
        needed: set[str] = {name for kind, name in self.needs.get(fact.key, ()) if kind in RELATIONS}
        return needed | ({own} if own else set())

    def _old_identity(self, identity: Identity) -> Identity:
        """The old identity of an object, or of what is about one, as a comment; the same if no name changes."""
        kind, of = identity.kind, identity.of
        if (kind, identity) in self.changed:
            return identity_of(self.changed[kind, identity])
        if kind in ON_RELATION:
            return identity.on(self.relations.get(identity.relation) or self._old_identity(identity.relation))
        if of is not None and (kind in (*SAID, DEPENDENCY) or kind == "grant"):
            return identity.with_object(self._old_identity(of))
        if kind == "publication schema":
            publication = ("publication", identity.part("publication"))
            identity = made(kind, identity.schema, self.changed.get(publication, publication)[1])
        if kind == "user mapping":
            server = ("server", identity.part("server"))
            return made(kind, identity.parts[0], self.changed.get(server, server)[1])
        if kind == "cast":
            return made(kind, *(self.text(each, set()) for each in identity.parts))
        if kind == "transform":
            return made(kind, self.text(identity.name, set()), identity.parts[1])
        if kind == "type" and identity in self.relations:
            # A table's own type.
            return parsed(kind, self.relations[identity])
        moved = identity.with_schema(self.schemas[identity.schema]) if identity.schema in self.schemas else identity
        return moved.with_arguments(self.text(moved.arguments, set())) if moved.arguments else moved

    def _value(self, name: str, value: object, relations: set[str], own: Key) -> object:
        if name in ("owner", "text", "enum", "roles", "options", "tags", "label"):
            return value
        if name in _PROPERTIES_WITH_NAMES and isinstance(value, str):
            return self.unquoted_names.get((_PROPERTIES_WITH_NAMES[name], value), value)
        if name == "schema" and isinstance(value, str):
            return self.schemas.get(value, value)
        if isinstance(value, str):
            return self.text(value, relations, own)
        if isinstance(value, list):
            return [self._value("", each, relations, own) for each in value]
        return value

    def text(self, text: str, relations: set[str], own: Key = ("", "")) -> str:
        """The text of `own` with old names; a column's name alone is that of a column of one of `relations`."""
        columns = {now: then for relation in sorted(relations) for now, then in self.columns.get(relation, {}).items()}
        heads = {
            parsed("table", each).name: self.relation_names[each] for each in relations if each in self.relation_names
        }

        def new(found: re.Match[str]) -> str:
            token = found[0]
            if found["body"]:
                return token
            if found["literal"]:
                inner = token[1:-1]
                return f"'{self._replace_qualified(inner, own, is_literal=True) or inner}'"
            qualified = self._replace_qualified(token, own, text[found.end() :])
            if qualified is not None:
                return qualified
            pieces = _PIECE.findall(token)
            if len(pieces) > 2 or text[: found.start()].endswith(" AS "):
                return token
            pieces[-1] = columns.get(pieces[-1], pieces[-1])
            if len(pieces) == 2:
                pieces[0] = heads.get(pieces[0], pieces[0])
            return ".".join(pieces)

        return self._replace_operators(_TOKEN.sub(new, text), own)

    def _replace_operators(self, text: str, own: Key) -> str:
        """The text with the old names of operators, all at once: two may have exchanged theirs."""

        def then(found: re.Match[str]) -> str:
            meant = self._which_operator(self.operators[found["name"]], found["operands"] or "", own)
            return f"{meant or found['name']}{found['operands'] or ''}"

        names = [name for name in self.operators if name in text]
        if not names:
            return text
        one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return re.sub(rf"(?<![\w$\".])(?P<name>{one})(?![+*/<>=~!@#%^&|`?-])(?P<operands>\([^()]*\))?", then, text)

    def _which_operator(self, keys: list[Key], operands: str, own: Key) -> str | None:
        """The old name of the one that is meant of those of one name: the one with these operands, or the one that `own` needs."""
        named = operands.replace("pg_catalog.", "")
        needed = self.needs.get(own, set())
        meant = [key for key in keys if named and f"({identity_of(key).arguments})" == named] or [
            key for key in keys if key in needed
        ]
        if not meant and all(key in self.changed for key in keys):
            meant = keys
        return identity_of(self.changed[meant[0]]).base if meant and meant[0] in self.changed else None

    def _replace_qualified(self, token: str, own: Key, after: str = "", *, is_literal: bool = False) -> str | None:
        pieces = _PIECE.findall(token)
        if len(pieces) < 2:
            return None
        name = f"{pieces[0]}.{pieces[1]}"
        rest = list(pieces[2:])
        if rest:
            rest[0] = self.columns.get(name, {}).get(rest[0], rest[0])
        meant = self._which_key(name, own, after, is_literal)
        if meant is not None:
            return ".".join([identity_of(self.changed.get(meant, meant)).base, *rest])
        if name in self.columns:
            return ".".join([name, *rest])
        if pieces[0] in self.schemas:
            return ".".join([self.schemas[pieces[0]], *pieces[1:]])
        return None

    def _which_key(self, name: str, own: Key, after: str, is_literal: bool) -> Key | None:
        """Which key is meant if several have a name, as a function and a table may: itself, what it needs, what is called with
        these arguments; a literal names a relation, and no text names an index except its own."""
        keys = self.keys_by_name.get(name, ())
        if len(keys) > 1:
            needed = self.needs.get(own, set())
            called = after.startswith("(")
            for fits in (
                lambda key: key == own,
                lambda key: key in needed,
                lambda key: key[0] in ROUTINES and after.startswith(f"({identity_of(key).arguments})"),
                lambda key: (key[0] in ROUTINES) == called,
                lambda key: (key[0] == "sequence") == is_literal,
                lambda key: key[0] in RELATIONS,
                lambda key: key[0] != "index",
            ):
                keys = tuple(filter(fits, keys)) or keys
        return keys[0] if keys else None

    def _replace_own_name(self, fact: Fact, key: Key, definition: str) -> str:
        """The definition with the old name of its own object, which is in it unqualified."""
        new, old = identity_of(key).name, fact.identity.name
        if new == old or fact.kind not in ("index", "trigger", "rule"):
            return definition
        return re.sub(rf"(?<![\w\".]){re.escape(old)}(?![\w\"])", lambda _: new, definition, count=1)


def _keys_by_name(changed: Mapping[Key, Key], after: Facts) -> dict[str, tuple[Key, ...]]:
    """Each name that changes for some object, and the keys of all that have it."""
    names = {identity_of(key).base for key in changed if _is_named_in_texts(key)}
    found: dict[str, list[Key]] = {}
    for key in sorted({*after.by_key, *changed}):
        if _is_named_in_texts(key) and identity_of(key).base in names:
            found.setdefault(identity_of(key).base, []).append(key)
    return {name: tuple(keys) for name, keys in found.items()}


def _operators(changed: Mapping[Key, Key], after: Facts) -> dict[str, list[Key]]:
    """Each operator's name that changes for some operands, and the keys of all that have it."""
    pairs = [(identity_of(now).base, identity_of(then).base) for now, then in changed.items() if now[0] == "operator"]
    names = {now for now, then in pairs if now != then}
    found: dict[str, list[Key]] = {name: [] for name in sorted(names)}
    for key in sorted(after.by_key):
        if key[0] == "operator" and identity_of(key).base in found:
            found[identity_of(key).base].append(key)
    return found


def _is_named_in_texts(key: Key) -> bool:
    return key[0] not in _NOT_IN_TEXTS
