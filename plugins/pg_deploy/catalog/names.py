"""What a fact is called, as a value with parts: `public.orders.total` is a column of a relation, and that has a schema.

The queries of catalog/sql/ print an identity and give its parts beside it, from the catalog's own columns. Only what was kept
before (a ledger, a backup's facts, evidence) is parsed, here and nowhere else. Whoever may make a role or a table chooses its
name, so a name can hold " to ", " in " or a dot: it is quoted then, and no other place than the true one can match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from pg_deploy.catalog.kinds import (
    DEPENDENCY,
    IN_SCHEMA,
    OF_TYPES,
    ON_RELATION,
    RELATION,
    RELATIONS,
    ROUTINES,
    SAID,
    USING,
    kind_spoken_of,
    parts_after_object,
    parts_of_kind,
    place_of,
)

_QUOTED = r'"(?:[^"]|"")*"'
_PIECE = re.compile(rf'{_QUOTED}|[^".]+')
_CALLED = re.compile(rf'(?:({_QUOTED}|[^".(]+)\.)?({_QUOTED}|[^".(]+)\((.*)\)', re.DOTALL)
_FIRST = re.compile(rf'(?:({_QUOTED}|[^".(\s]+)\.)?({_QUOTED}|[^".(\s]+)')
_OF_SERVER = re.compile(rf"{_QUOTED}|(?<![\w$.])pg_catalog\.")
_DEFAULT = re.compile(
    rf"(?P<objects>[a-z ]+?) made by (?P<role>{_QUOTED}|[^\s\"]+)(?: in schema (?P<schema>.+))?", re.DOTALL
)
_SETTING = re.compile(
    rf"(?:role (?P<role>{_QUOTED}|[^\s\":]+)(?: in )?)?(?P<place>every role|this database)?: (?P<name>.+)", re.DOTALL
)
_IN_ARRAY = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)
_NUMBER = re.compile(r" #\d+$")
_COMMAND = "command: "
_HERE = ("database", "this database")
_JOINTS = {
    "cast": " as ",
    "transform": " for ",
    "membership": " in ",
    "user mapping": " on server ",
    "publication schema": " of publication ",
}
"""What stands between the two parts of a kind that has no other way to be printed."""
# An element of a list setting, as the server splits it.
_ELEMENT = re.compile(rf"{_QUOTED}|[^\s,]+")


def unquoted(part: str) -> str:
    """One part of a name as the catalog stores it."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def elements(value: str) -> tuple[str, ...]:
    """The elements of a list setting's value, unquoted."""
    return tuple(unquoted(each) for each in _ELEMENT.findall(value))


class Identity(str):
    """A fact's name, which is its text in all that a text can do: two are equal if they print alike.

    Its parts are as they are printed: quoted if they have to be. One that was not given its parts is parsed when it is
    first asked for one.
    """

    __slots__ = ("_kind", "_of", "_parts")

    _kind: str
    _parts: tuple[str, ...] | str | None
    _of: Identity | None

    def __new__(cls, kind: str, text: str, parts: tuple[str, ...] | str | None = None) -> Identity:
        """`parts`: as `parts_of_kind` names them, also as the server prints an array; None: the text is parsed when it is first asked."""
        made = super().__new__(cls, text)
        made._kind, made._parts, made._of = kind, parts, None
        return made

    def __getnewargs__(self) -> tuple[str, str, tuple[str, ...] | str | None]:  # type: ignore[override]
        return self._kind, str(self), self._parts

    @property
    def kind(self) -> str:
        """The kind of the fact that is called so; `relation` if only that is known."""
        return self._kind

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts in their order, each as it is printed; "" for one that is not said."""
        if not isinstance(self._parts, tuple):
            self._parts = _in_array(self._parts) if self._parts else _parsed(self._kind, str(self))
        return self._parts

    def part(self, name: str) -> str:
        """One part by the name that `parts_of_kind` gives it; "" if this kind has none, or it is not said."""
        place = place_of(self._kind, name)
        return "" if place is None or place >= len(self.parts) else self.parts[place]

    @property
    def schema(self) -> str:
        """The schema that it, or what it belongs to, is in; "" for what is in none."""
        return self.part("schema")

    @property
    def name(self) -> str:
        """Its own name alone, within its schema or relation, and without what it takes."""
        return self.part("name")

    @property
    def of(self) -> Identity | None:
        """What it belongs to, or is about: a column's relation, a grant's or comment's object; None of what stands by itself.

        None as well if a comment is on something that is no fact of ours.
        """
        if self._of is None and self._kind in _OF_ANOTHER:
            self._of = self._read_of()
        return self._of

    def _read_of(self) -> Identity | None:
        if self._kind in ON_RELATION:
            return made(RELATION, *self.parts[:2])
        after = parts_after_object(self._kind) or ()
        if not self.parts[0]:
            return None
        kind, of = self.parts[0], self.parts[1 : len(self.parts) - len(after)]
        if self._kind in SAID:
            kind = kind_spoken_of(kind)
            if kind in (*OF_TYPES, "cast", "transform"):
                of = tuple(_without_servers(each) for each in of)
        return made(kind, *of)

    @property
    def relation(self) -> Identity:
        """The relation, or the domain, that a column, constraint, policy, trigger or rule belongs to; for anything else its name is ""."""
        return (self.of or _NOTHING) if self._kind in ON_RELATION else _NOTHING

    @property
    def arguments(self) -> str | None:
        """What stands between the parentheses of a routine or an operator; None of anything else."""
        return self.parts[2] if self._kind in OF_TYPES and len(self.parts) > 2 else None

    @property
    def operands(self) -> tuple[str, ...]:
        """The types between those parentheses, one by one."""
        return tuple(_listed(self.arguments)) if self.arguments else ()

    @property
    def base(self) -> str:
        """Schema and name alone: without what a routine or operator takes, or an operator class's access method."""
        return str(self) if self._kind not in (*OF_TYPES, *USING) else _dotted(self.parts[:2])

    @property
    def plain(self) -> str:
        """As `base`, with each part as the catalog stores it: `Odd Name.orders` of `"Odd Name".orders`."""
        if "schema" not in parts_of_kind(self._kind):
            return self.plain_name
        return ".".join(unquoted(each) for each in self.parts[: 3 if self._kind in ON_RELATION else 2] if each)

    @property
    def plain_name(self) -> str:
        """Its own name as the catalog stores it."""
        return self.name if self._kind == "role" else unquoted(self.name)

    @property
    def role(self) -> str:
        """Who holds a grant, is the member, made what a default grant is about, has a setting or a user mapping.

        As the catalog stores it; `public` for everybody; "" if no role is meant.
        """
        role = self.part("role")
        # Nobody quotes who may set a parameter.
        return role if self._kind == "grant" and self.parts[0] == "parameter" else unquoted(role)

    @property
    def group(self) -> str:
        """The role that a member is a member of, as the catalog stores it."""
        return unquoted(self.part("group"))

    @property
    def server_kind(self) -> str:
        """What the server calls the kind of what a comment or a security label is on: "table column", "domain constraint"."""
        return self.parts[0] if self._kind in SAID else ""

    @property
    def name_in_comment(self) -> str:
        """The name of what a comment is on, as the comment has it: with the schema of each type of the server."""
        return str(self)[len(self.server_kind) + 1 :]

    @property
    def described(self) -> str:
        """Kind and name, as a grant says them: `table public.orders`."""
        return str(self) if self._kind == "database" else f"{self._kind} {self}"

    def with_name(self, own: str) -> Identity:
        """The same with another name of its own; `own` is quoted already."""
        return self._with("name", own)

    def with_schema(self, schema: str) -> Identity:
        """The same in another schema, which is quoted already; a part moves with its relation."""
        return self._with("schema", schema) if self.schema else self

    def _with(self, part: str, text: str) -> Identity:
        place = parts_of_kind(self._kind).index(part)
        return made(self._kind, *self.parts[:place], text, *self.parts[place + 1 :])

    def on(self, relation: str, kind: str = "") -> Identity:
        """The part of the same name of another relation, also of another `kind`: the constraint of an index."""
        return made(kind or self._kind, *parsed(RELATION, relation).parts, self.name)

    def with_arguments(self, arguments: str) -> Identity:
        """The routine or operator of the same name that takes these."""
        return made(self._kind, *self.parts[:2], arguments)

    def with_object(self, of: Identity) -> Identity:
        """The same grant, comment or dependency, of another object of the same kind."""
        end = len(self.parts) - len(parts_after_object(self._kind) or ())
        said, was = self.parts[1:end], self.of or of
        # A comment names a type of the server with its schema: that wording stays.
        parts = [as_said if old == new else new for as_said, old, new in zip(said, was.parts, of.parts, strict=True)]
        if of.arguments is not None:
            each = zip(_listed(said[2]), was.operands, of.operands, strict=False)
            parts[2] = ",".join(as_said if old == new else new for as_said, old, new in each)
        return made(self._kind, self.parts[0], *parts, *self.parts[end:])

    def beside(self, kind: str) -> Identity:
        """What has the same name in the same schema: the index of a constraint."""
        return made(kind, self.schema, self.name)


Key = tuple[str, str]
"""Kind and identity of a fact: there is one of them in a database."""


@lru_cache(maxsize=65_536)
def made(kind: str, *parts: str) -> Identity:
    """The identity with these parts, printed as the queries of plugins/pg_deploy/catalog/sql/ print it."""
    return Identity(kind, _printed(kind, parts), parts)


_OF_ANOTHER = frozenset({*ON_RELATION, *SAID, DEPENDENCY, "grant"})
_NOTHING = Identity(RELATION, "", ("", ""))


@lru_cache(maxsize=65_536)
def _read(kind: str, text: str) -> Identity:
    return Identity(kind, text)


def parsed(kind: str, text: str) -> Identity:
    """What a text of before, or of a definition, calls an object of that kind; the same if it is an identity of that kind."""
    return text if isinstance(text, Identity) and text.kind == kind else _read(kind, str(text))


def first_relation(text: str) -> Identity:
    """The relation that a text of the catalog begins with: what a publication sends, what follows REFERENCES."""
    found = _FIRST.match(text)
    return made(RELATION, found[1] or "", found[2]) if found else made(RELATION, "", "")


def part_of(relation: str, own: str, kind: str = "column") -> Identity:
    """The part of a relation with that name, which is quoted already."""
    return made(kind, *parsed(RELATION, relation).parts, own)


def identity_of(key: Key) -> Identity:
    """The identity in a key; that of a fact's own key has its parts already."""
    return parsed(*key)


def _printed(kind: str, parts: tuple[str, ...]) -> str:
    after = parts_after_object(kind)
    if after is not None:
        return _printed_of_object(kind, parts, len(after))
    if kind in OF_TYPES:
        return _dotted(parts[:2]) + (f"({parts[2]})" if len(parts) > 2 else "")
    if kind in USING:
        return f"{_dotted(parts[:2])} using {parts[2]}"
    if kind in _JOINTS:
        return _JOINTS[kind].join(parts)
    if kind == "default grant":
        return f"{parts[0]} made by {parts[1]}{f' in schema {parts[2]}' if parts[2] else ''}"
    if kind == "setting":
        place, role, name = parts
        return f"{' in '.join(each for each in (role and f'role {role}', place) if each)}: {name}"
    if kind == "cron job":
        return parts[0] or f"{_COMMAND}{parts[1]}"
    return _dotted(parts)


def _printed_of_object(kind: str, parts: tuple[str, ...], after: int) -> str:
    spoken, of, last = parts[0], parts[1 : len(parts) - after], parts[len(parts) - after :]
    if kind not in SAID:
        joint = " on extension " if kind == DEPENDENCY else " to "
        return made(spoken, *of).described + joint + last[0]
    text = _spoken(spoken, of) if spoken else of[0]
    return f"{text} for {last[0]}" if last else text


def _spoken(spoken: str, of: tuple[str, ...]) -> str:
    """How pg_identify_object prints it."""
    kind = kind_spoken_of(spoken)
    if kind == "database":
        return of[0]
    if kind in ON_RELATION and kind != "column":
        return f"{spoken} {of[2]} on {_dotted(of[:2])}"
    if kind in USING:
        return f"{spoken} {_dotted(of[:2])} USING {of[2]}"
    if kind == "cast":
        return f"cast ({' AS '.join(of)})"
    if kind == "transform":
        return f"transform for {of[0]} on language {of[1]}"
    if kind == "role":
        return f"role {_quoted(of[0])}"
    return f"{spoken} {_printed(kind, of)}"


def _parsed(kind: str, text: str) -> tuple[str, ...]:
    if kind in ON_RELATION:
        pieces = _PIECE.findall(text)
        return (
            ("",) * (3 - len(pieces)) + tuple(pieces)
            if len(pieces) < 4
            else (pieces[0], ".".join(pieces[1:-1]), pieces[-1])
        )
    if kind in OF_TYPES:
        called = _CALLED.fullmatch(text)
        return (called[1] or "", called[2], called[3]) if called else _in_schema(text)
    if kind in USING:
        base, method = _cut(text, " using ")
        return (*_in_schema(base), method)
    if kind in (*IN_SCHEMA, RELATION):
        return _in_schema(text)
    if kind in _JOINTS:
        return _cut(text, _JOINTS[kind])
    if kind in ("default grant", "setting"):
        found = (_DEFAULT if kind == "default grant" else _SETTING).fullmatch(text)
        return tuple(found[each] or "" for each in parts_of_kind(kind)) if found else ("", "", "")
    if kind == "cron job":
        named = _NUMBER.sub("", text)
        return ("", named[len(_COMMAND) :]) if named.startswith(_COMMAND) else (named, "")
    if kind == "grant":
        return _parsed_grant(text)
    if kind == DEPENDENCY:
        what, extension = _cut(text, " on extension ", last=True)
        return (*_parsed_object(what), extension)
    if kind == "comment":
        return _parsed_spoken(text)
    if kind == "security label":
        what, provider = _cut(text, " for ", last=True)
        return (*_parsed_spoken(what), provider)
    return (text,)


_GRANTED_ON = (
    "materialized view", "foreign table", "foreign data wrapper", "large object", "table", "view", "sequence", "column",
    *ROUTINES, "type", "schema", "language", "server", "tablespace", "parameter", "trigger", "index",
)  # fmt: skip


def _parsed_grant(text: str) -> tuple[str, ...]:
    if text.startswith("parameter "):
        name, _, role = text[len("parameter ") :].partition(" to ")
        return ("parameter", name, role)
    what, role = _cut(text, " to ", last=True)
    return (*_parsed_object(what), role)


def _parsed_object(described: str) -> tuple[str, ...]:
    if described == _HERE[1]:
        return _HERE
    kind = next((each for each in _GRANTED_ON if described.startswith(f"{each} ")), "")
    return (kind, *_parsed(kind, described[len(kind) + 1 :])) if kind else ("", described)


_SPOKEN_OF = (
    "materialized view column", "foreign table column", "composite type column", "table column", "view column", "index column",
    "table constraint", "domain constraint", "trigger", "policy", "rule",
    *RELATIONS, "event trigger", "index", "sequence", *ROUTINES, "type", "domain", "schema", "extension",
    "statistics object", "collation", "publication", "server", "foreign-data wrapper", "text search configuration",
    "text search dictionary", "text search parser", "text search template", "conversion", *USING, "operator",
    "access method", "procedural language", "language", "subscription", "role", "tablespace", "cast", "transform",
)  # fmt: skip


def _parsed_spoken(text: str) -> tuple[str, ...]:
    """What a comment is on, as pg_identify_object prints it."""
    if text == _HERE[1]:
        return _HERE
    spoken = next((each for each in _SPOKEN_OF if text.startswith(f"{each} ")), "")
    kind, name = kind_spoken_of(spoken), text[len(spoken) + 1 :]
    if kind in ON_RELATION and kind != "column":
        own, relation = _cut(name, " on ")
        return (spoken, *_in_schema(relation), own)
    if kind in USING:
        base, method = _cut(name, " USING ")
        return (spoken, *_in_schema(base), method)
    if kind == "cast":
        return (spoken, *_cut(name[1:-1], " AS "))
    if kind == "transform":
        return (spoken, *_cut(name[len("for ") :], " on language "))
    if kind == "role":
        return (spoken, unquoted(name))
    return (spoken, *_parsed(kind, name)) if spoken else ("", text)


def _without_servers(types: str) -> str:
    """Types as a function's own identity names them: only a comment names the server's own types with their schema."""
    return _OF_SERVER.sub(lambda found: found[0] if found[0].startswith('"') else "", types)


def _in_schema(text: str) -> tuple[str, str]:
    first, *rest = _PIECE.findall(text) or [""]
    return (first, ".".join(rest)) if rest else ("", first)


def _cut(text: str, joint: str, *, last: bool = False) -> tuple[str, str]:
    """What stands before and behind the first, or the last, of these outside of quotes; ("…", "") if there is none."""
    found = [each.start() for each in re.finditer(rf"{_QUOTED}|{joint}", text) if each[0] == joint]
    if not found:
        return text, ""
    place = found[-1 if last else 0]
    return text[:place], text[place + len(joint) :]


def _listed(arguments: str) -> Iterator[str]:
    start = depth = 0
    for each in re.finditer(rf"{_QUOTED}|[(),]", arguments):
        depth += (each[0] == "(") - (each[0] == ")")
        if each[0] == "," and not depth:
            yield arguments[start : each.start()]
            start = each.end()
    yield arguments[start:]


def _in_array(printed: str) -> tuple[str, ...]:
    """The elements of an array of texts that the server printed."""
    return tuple(
        re.sub(r"\\(.)", r"\1", each[1], flags=re.DOTALL) if each[2] is None else each[2]
        for each in _IN_ARRAY.finditer(printed)
    )


def _dotted(parts: tuple[str, ...]) -> str:
    return ".".join(each for each in parts if each)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
