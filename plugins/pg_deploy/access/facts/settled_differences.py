"""Which differences of the catalog are settled, and by whom; whatever nobody has thought of is not settled.

A difference is harmless by its kind, or told by itself (a grant, a role), or it lies in the closure of something that roles
reach: of a table's policies (the engines answer), of a view (it is read), of a function (it is called), of a write.
Nothing here asks the database.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pg_deploy.access.facts.api import Api
from pg_deploy.access.facts.carriers import find_carried_tables
from pg_deploy.access.facts.functions import is_definer
from pg_deploy.access.facts.rights import reachable_roles, read_grants
from pg_deploy.access.facts.triggers import is_bystander, returns_trigger
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.catalog.dependencies import Closure, Node, closure_of, text_of, words_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.names import Identity, first_relation, identity_of, parsed, unquoted
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.postgres.quoting import in_quotes

HARMLESS = frozenset({"index", "comment", "statistics"})
"""They decide nothing about rows, wherever they are."""
TOLD = frozenset({"grant", "role", "membership", "default grant", "setting", "policy", "parameter grant"})
"""access_changes tells each difference of these, or the engines ask for what they decide."""
_BY_CLOSURE = frozenset(
    {
        *RELATIONS,
        *ROUTINES,
        "type",
        "column",
        "constraint",
        "trigger",
        "rule",
        "operator",
        "cast",
        "schema",
        "sequence",
    }
)
_NO_MATTER = re.compile(r" (?:STABLE|VOLATILE|PARALLEL (?:SAFE|RESTRICTED|UNSAFE)|COST [\d.]+|ROWS [\d.]+)(?=\s)")


@dataclass(frozen=True)
class Difference:
    """One fact before and after; None if it is not there."""

    node: Node
    old: Fact | None
    new: Fact | None

    @property
    def sentence(self) -> str:
        """`function "f()" is defined differently`, for people."""
        kind, identity = self.node
        became = "is new" if self.old is None else "is gone" if self.new is None else "is defined differently"
        return f'{kind} "{identity}" {became}'


@dataclass(frozen=True)
class Roots:
    """What roles reach on one side: relations with a grant, and functions that they may execute, in schemas that they may use."""

    tables: frozenset[str]
    views: frozenset[str]
    functions: frozenset[str]


@dataclass(frozen=True)
class Settlement:
    """The differences, and what has to be asked because of them; `unsettled` is what nothing can be asked about."""

    differences: tuple[Difference, ...]
    tables: frozenset[str]
    views: frozenset[str]
    functions: frozenset[str]
    unsettled: tuple[Unsettled, ...]
    views_with_other_rows: frozenset[str] = frozenset()
    """Those of `views` that read a table whose rows the migration wrote."""
    views_defined_otherwise: frozenset[str] = frozenset()
    """Those of `views` that rest on something of the catalog that differs."""
    carried: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Those of `functions` that answer as tables do, with these tables: they are called only if such a table is not settled."""
    written: frozenset[str] = frozenset()
    """Relations whose writes rest on something that differs and that is in no predicate."""


@lru_cache(maxsize=4)
def roots_of(facts: Facts, api: Api) -> Roots:
    """What the roles of the API reach on this side."""
    rights = list(read_grants(facts))
    roles = reachable_roles(facts, api.roles)
    schemas = {of for of, role, held in rights if of.kind == "schema" and role in roles and "USAGE" in held}
    found: dict[str, set[str]] = defaultdict(set)
    for of, role, held in rights:
        if role not in roles or not held or of.kind not in (*RELATIONS, "column", *ROUTINES):
            continue
        kind, name = of.kind, of
        if kind == "column":
            name = of.relation
            kind = next((each for each in RELATIONS if (each, name) in facts.by_key), "table")
        if name.schema in schemas:
            what = "table" if kind in ("table", "foreign table") else "view" if kind in RELATIONS else "function"
            found[what].add(name)
    return Roots(frozenset(found["table"]), frozenset(found["view"]), frozenset(found["function"]))


def differences(before: Facts, after: Facts) -> tuple[Difference, ...]:
    """All facts that differ in anything that can decide about rows."""
    keys = {fact.key for fact in before.facts ^ after.facts}
    found = []
    for key in sorted(keys):
        old, new = before.by_key.get(key), after.by_key.get(key)
        if key[0] not in HARMLESS and (old is None or new is None or _meaning(old) != _meaning(new)):
            found.append(Difference(key, old, new))
    return tuple(found)


def _meaning(fact: Fact) -> object:
    """The part of a fact that can decide anything: a function's costs and a column's place in its table cannot."""
    properties = dict(fact.properties)
    if fact.kind in ROUTINES and "definition" in properties:
        head, mark, body = str(properties["definition"]).partition("\nAS ")
        properties["definition"] = " ".join(_NO_MATTER.sub("", head + " \n").split()) + mark + body
    if fact.kind == "column":
        for name in ("position", "storage", "compression", "statistics target", "options"):
            properties.pop(name, None)
    if fact.kind in ("table", "materialized view"):
        for name in ("options", "toast options", "tablespace", "access method", "populated", "replica identity"):
            properties.pop(name, None)
    if fact.kind == "sequence":
        return properties.get("owner")
    return properties


def settle(before: Facts, after: Facts, api: Api, moved: Collection[str]) -> Settlement:
    """Sort all differences of the catalog, and the tables whose rows `moved`, by what has to be asked about them."""
    return _Settling(before, after, api, frozenset(moved)).settlement()


@dataclass(frozen=True)
class _Settling:
    before: Facts
    after: Facts
    api: Api
    moved: frozenset[str]

    @cached_property
    def _differences(self) -> tuple[Difference, ...]:
        return differences(self.before, self.after)

    @cached_property
    def _new(self) -> frozenset[str]:
        """Relations, functions and the like that only came: nobody had them before."""
        return frozenset(each.node[1] for each in self._differences if each.old is None)

    def settlement(self) -> Settlement:
        tables: set[str] = set()
        views: set[str] = set()
        other_rows: set[str] = set()
        defined: set[str] = set()
        functions: set[str] = set()
        carried: dict[str, frozenset[str] | None] = {}
        unsettled: dict[Unsettled, None] = {}
        written: set[str] = set()
        nodes = {each.node: each for each in self._differences if each.node[0] not in ("grant", "default grant")}
        rows = {node for name in self.moved for node in _tables_called(name, self.before, self.after)}
        was_there = bool(rows) or any(each.old is not None for each in nodes.values())
        for facts in (self.before, self.after):
            closure, roots = closure_of(facts), roots_of(facts, self.api)
            touched = frozenset(nodes) | rows | self._tables_of_columns(facts)
            for name in roots.tables - self._new:
                if self._rests_on_difference(closure, _relation(name, facts), touched, was_there=was_there):
                    tables.add(name)
            for name in roots.views - self._new:
                if self._rests_on_difference(closure, _relation(name, facts), touched, was_there=was_there):
                    views.add(name)
                    found = closure.of(_relation(name, facts))
                    if not found.isdisjoint(rows):
                        other_rows.add(name)
                    if not found.isdisjoint(nodes):
                        defined.add(name)
            for name in roots.functions - self._new:
                if self._rests_on_difference(closure, _routine(name, facts), touched, was_there=was_there):
                    functions.add(name)
                    one = find_carried_tables(closure, _routine(name, facts), touched, dynamic=was_there)
                    other = carried.get(name, frozenset())
                    carried[name] = None if one is None or other is None else one | other
            for name in (roots.tables | roots.views) - self._new:
                for each in self._writing(closure, _relation(name, facts), nodes, rows, name):
                    unsettled[each] = None
                    written.add(name)
        for each in self._hooks(frozenset(nodes) | rows):
            unsettled[each] = None
        written |= {parent for each in self._differences if (parent := _acting_parent(each)) is not None}
        for difference in self._differences:
            if (reason := self._by_kind(difference)) is not None:
                unsettled[Unsettled(difference.node[1], reason)] = None
        callable_ = {
            name
            for name in functions
            if carried[name] != frozenset() and not _is_trigger(name, self.before, self.after)
        }
        return Settlement(
            self._differences,
            frozenset(tables),
            frozenset(views),
            frozenset(callable_),
            tuple(unsettled),
            frozenset(other_rows),
            frozenset(defined),
            {name: read for name in callable_ if (read := carried[name]) is not None and read <= tables},
            frozenset(written),
        )

    def _hooks(self, touched: frozenset[Node]) -> Iterator[Unsettled]:
        """Functions that only a role beside the API runs, such as the hook that writes tokens: no engine asks as that role."""
        for facts in (self.before, self.after):
            closure, roots = closure_of(facts), roots_of(facts, self.api)
            outside = _outside(facts, self.api)
            for name, role, held in read_grants(facts):
                kind = name.kind
                if (
                    role not in outside
                    or kind not in ROUTINES
                    or "EXECUTE" not in held
                    or name in roots.functions | self._new
                ):
                    continue
                if unquoted(name.schema) in self.api.ignored_schemas or not (
                    found := closure.of((kind, name)) & touched
                ):
                    continue
                fact = facts.by_key.get((kind, name))
                if fact is not None and fact.properties.get("owner") != role:
                    what = min(found, key=lambda node: node != (kind, name))
                    said = "it" if what == (kind, name) else f'{what[0]} "{what[1]}", which it rests on,'
                    yield Unsettled(
                        name, f'role "{role}" runs it, perhaps to write what tokens say, and {said} is another one now'
                    )

    def _tables_of_columns(self, facts: Facts) -> frozenset[Node]:
        """Tables with a column that came, went or became another one, and that somebody's text names.

        A column that came may be taken for what a text named so until now: an argument, or a column of another table.
        """
        found: set[Node] = set()
        for each in self._differences:
            kind, identity = each.node
            if kind != "column" or (each.old and each.new and _without_default(each.old) == _without_default(each.new)):
                continue
            column = identity_of((kind, identity))
            table = column.relation
            read = words_about(table, self.before)
            if each.old is not None:
                read |= words_about(table, self.after)
            if table not in self._new and column.plain_name.lower() in read:
                found.add(_relation(table, facts))
        return frozenset(found)

    @staticmethod
    def _rests_on_difference(closure: Closure, root: Node, touched: frozenset[Node], *, was_there: bool) -> bool:
        """Whether anything differs that a root rests on; a dynamic function may read whatever was there and differs."""
        found = closure.of(root)
        return not found.isdisjoint(touched) or (was_there and not found.isdisjoint(closure.dynamic))

    def _writing(
        self, closure: Closure, root: Node, nodes: Mapping[Node, Difference], rows: set[Node], name: str
    ) -> Iterator[Unsettled]:
        """What takes part in writes to a relation, is no predicate, and differs or reads what differs."""
        read = self._read_columns
        for part in closure.parts.get(name, ()):
            node = part.key
            if part.kind == "column" and "default" not in part.properties and node not in nodes:
                continue
            if part.kind not in ("trigger", "rule", "constraint", "column") or (node not in nodes and _is_key(part)):
                continue
            below = closure.of(node) - {root}
            differing = sorted(below & nodes.keys())
            if part.kind == "trigger" and (differing or below & rows):
                bodies = [closure.facts.by_key[each] for each in below if each[0] in ROUTINES]
                if all(is_bystander(body, read) for body in bodies if returns_trigger(body)) and not [
                    each for each in differing if each[0] not in ("trigger", *ROUTINES)
                ]:
                    continue
            for each in differing:
                if each[0] in ("trigger", "rule"):
                    yield Unsettled(name, f"{nodes[each].sentence}, and it takes part in every write there")
                elif each[0] == "constraint":
                    if reason := self._constraint(nodes[each], read, name):
                        yield Unsettled(name, reason)
                elif each[0] == "column":
                    if reason := self._column(nodes[each], read):
                        yield Unsettled(name, reason)
                elif each[0] in (*ROUTINES, "operator", "cast", "type", *RELATIONS):
                    if part.kind == "column" and _only_adds_labels(nodes[each]):
                        continue
                    what = f'{part.kind} "{part.identity.name}"'
                    if part.kind != "constraint" or nodes[each].old is not None:
                        yield Unsettled(name, f"{nodes[each].sentence}, and {what} rests on it when rows are written")
            moved = sorted(below & rows)
            if moved and part.kind == "trigger":
                yield Unsettled(
                    name, f'the migration changes rows of "{moved[0][1]}", which trigger "{part.identity}" may read'
                )

    @cached_property
    def _read_columns(self) -> frozenset[str]:
        """Every word of what decides on either side: the names of all columns that do are among them."""
        return _words_that_decide(self.before) | _words_that_decide(self.after)

    def _constraint(self, each: Difference, read: frozenset[str], name: str) -> str | None:
        definition = str((each.new or each.old or _nothing()).properties.get("definition", ""))
        old = str(each.old.properties.get("definition", "")) if each.old else ""
        acts = _acts(definition) - _acts(old) if each.new is not None else frozenset()
        if each.old is None or each.new is not None:
            if acts and definition.startswith("FOREIGN KEY"):
                if each.old is None and _columns_are_new(definition, name, self.before):
                    return None
                parent = first_relation(definition.split("REFERENCES ", 1)[-1])
                changed = f"{_either(acts)} of a row of {in_quotes(parent)} now changes rows of {in_quotes(name)}"
                return f"{each.sentence}: {changed}, whatever its policies say"
            if each.old is None or definition.startswith(("FOREIGN KEY", "PRIMARY KEY", "UNIQUE")):
                return None
            return f"{each.sentence}, and it decides which rows can be written" if words_of(old) & read else None
        if old.startswith("CHECK") and words_of(old) & read:
            return f"{each.sentence}, and rows can be written that it refused"
        if (
            not old.startswith("CHECK")
            and _own_columns(old) & words_about(name, self.before)
            and not self._kept(old, name)
        ):
            return f"{each.sentence}, and rows can be written that it refused"
        return None

    def _kept(self, definition: str, name: str) -> bool:
        """Whether another constraint, or a unique index, refuses the same rows of a relation as one that went."""
        plain = definition.replace(" NOT VALID", "")
        for fact in self.after.facts:
            said = str(fact.properties.get("definition", ""))
            if fact.kind == "constraint" and fact.identity.relation == name and said.replace(" NOT VALID", "") == plain:
                return True
            if fact.kind == "index" and said.startswith("CREATE UNIQUE INDEX") and " WHERE " not in said:
                if "NULLS NOT DISTINCT" in plain and "NULLS NOT DISTINCT" not in said:
                    continue
                _, _, on = said.partition(" ON ")
                if on.split(" USING ")[0].removeprefix("ONLY ") == name and _own_columns(on) == _own_columns(plain):
                    return not plain.startswith("FOREIGN KEY")
        return False

    def _column(self, each: Difference, read: frozenset[str]) -> str | None:
        identity = identity_of(each.node)
        column = identity.plain_name.lower()
        old, new = (dict(fact.properties) if fact else {} for fact in (each.old, each.new))
        if each.old is None or each.new is None:
            return None
        if old.get("not null") and not new.get("not null") and column in words_about(identity.relation, self.before):
            return f'column "{column}", which policies or functions read, may be null now'
        if old.get("identity") == "always" and new.get("identity") != "always" and column in read:
            return f'column "{column}", which policies or functions read, takes any value now'
        if old.get("default") != new.get("default"):
            if old.get("generated") or new.get("generated"):
                return f"{each.sentence}, and it shows other values than before"
            if column in read:
                return f'the default of column "{column}", which policies or functions read, is another one'
        return None

    def _by_kind(self, each: Difference) -> str | None:
        kind = each.node[0]
        if kind in TOLD or kind in _BY_CLOSURE:
            return None
        if kind == "cron job":
            return _job_reason(each)
        if kind == "extension":
            schema = str((each.new or each.old or _nothing()).properties.get("schema", ""))
            if schema in self.api.ignored_schemas or schema.startswith("pg_"):
                return None
            return f'{each.sentence}: its functions in schema "{schema}" may be executed by everybody'
        if kind in ("publication", "publication schema"):
            return None  # told by access_changes
        return f"{each.sentence}, and nobody has said what a {kind} decides"


@lru_cache(maxsize=4)
def _outside(facts: Facts, api: Api) -> frozenset[str]:
    """Roles that are none of the API's, nor superusers: services with functions of their own to run."""
    return frozenset(
        fact.identity
        for fact in facts.facts
        if fact.kind == "role" and not fact.properties.get("superuser") and fact.identity not in api.roles
    )


def _nothing() -> Fact:
    return Fact("", Identity("", ""), "{}", "database")


def _tables_called(name: str, *sides: Facts) -> Iterator[Node]:
    """The nodes of a relation that is named without quotes."""
    for facts in sides:
        for kind in ("table", "materialized view", "foreign table"):
            if (kind, name) in facts.by_key:
                yield kind, name
                return
    for facts in sides:
        for fact in facts.facts:
            if fact.kind in RELATIONS and fact.identity.plain == name:
                yield fact.kind, fact.identity


def _relation(name: str, facts: Facts) -> Node:
    return next(((kind, name) for kind in RELATIONS if (kind, name) in facts.by_key), ("table", name))


def _routine(name: str, facts: Facts) -> Node:
    return next(((kind, name) for kind in ROUTINES if (kind, name) in facts.by_key), ("function", name))


def _is_trigger(name: str, *sides: Facts) -> bool:
    facts = [facts.by_key[node] for facts in sides if (node := _routine(name, facts)) in facts.by_key]
    return all(returns_trigger(fact) for fact in facts)


@lru_cache(maxsize=4)
def _deciding_texts(facts: Facts) -> tuple[tuple[str, frozenset[str]], ...]:
    """The words of policies and what they call, of definer functions, and of what views filter and join by; a policy's with its table."""
    closure = closure_of(facts)
    found: dict[Node, tuple[str, frozenset[str]]] = {}
    for fact in facts.facts:
        node = fact.key
        if fact.kind == "policy":
            found[node] = (fact.identity.relation, words_of(text_of(fact)))
            for below in closure.of(node):
                if below[0] in ROUTINES and below not in found and (body := facts.by_key.get(below)) is not None:
                    found[below] = ("", words_of(text_of(body)))
        elif fact.kind in VIEWS:
            found[node] = ("", words_of(text_of(fact).partition("FROM")[2]))
        elif fact.kind in ROUTINES and is_definer(fact) and not returns_trigger(fact):
            found[node] = ("", words_of(text_of(fact)))
    return tuple(found.values())


@lru_cache(maxsize=4)
def _words_that_decide(facts: Facts) -> frozenset[str]:
    """Every word of what decides. Among them are all columns that decide anything about rows."""
    return frozenset().union(*(words for _, words in _deciding_texts(facts)))


def words_about(table: str, facts: Facts) -> frozenset[str]:
    """The words of what decides and names a table, or is its policy: among them are all columns of it that decide anything."""
    last = parsed("table", table).plain_name.lower()
    return frozenset().union(*(words for owner, words in _deciding_texts(facts) if owner == table or last in words))


def _without_default(fact: Fact) -> dict[str, object]:
    meaning = _meaning(fact)
    return {name: value for name, value in dict(meaning).items() if name not in ("default", "not null constraint")}  # type: ignore[call-overload]


def _only_adds_labels(each: Difference) -> bool:
    """Whether an enumeration has more labels than before, and is the same besides: what is stored and what it falls back on stay."""
    if each.old is None or each.new is None:
        return False
    old, new = dict(each.old.properties), dict(each.new.properties)
    had, has = old.pop("enum", None), new.pop("enum", None)
    return bool(had and has) and old == new and [label for label in has if label in had] == had


def _is_key(part: Fact) -> bool:
    """Whether it is a constraint that rests on columns alone."""
    return part.kind == "constraint" and part.definition_text.startswith(("PRIMARY KEY", "UNIQUE", "FOREIGN KEY"))


def _own_columns(definition: str) -> frozenset[str]:
    """The columns that a key, a foreign key or an index is over, from its definition."""
    return words_of(definition.partition("(")[2].partition(")")[0])


def _acts(definition: str) -> frozenset[str]:
    return frozenset(re.findall(r"ON (DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)", definition))


def _acting_parent(each: Difference) -> str | None:
    """The table whose rows, deleted or updated, change rows of another one that they did not before."""
    definition = str(each.new.properties.get("definition", "")) if each.new else ""
    old = str(each.old.properties.get("definition", "")) if each.old else ""
    if each.node[0] != "constraint" or not definition.startswith("FOREIGN KEY") or not _acts(definition) - _acts(old):
        return None
    return first_relation(definition.split("REFERENCES ", 1)[-1])


def _either(words: Collection[str]) -> str:
    return " or ".join(sorted(word.lower() for word in words))


def _columns_are_new(definition: str, name: str, before: Facts) -> bool:
    listed = definition.split("(", 1)[-1].split(")", 1)[0]
    return all(("column", f"{name}.{column.strip()}") not in before.by_key for column in listed.split(","))


def _job_reason(each: Difference) -> str | None:
    if each.new is None:
        return None
    command = str(each.new.properties.get("command", ""))
    try:
        statements = [raw.stmt for raw in parse_sql(command)]
    except ParseError:
        statements = [None]
    if all(isinstance(node, (ast.RefreshMatViewStmt, ast.VacuumStmt)) for node in statements):
        return None
    return f"{each.sentence}: what it runs later ({' '.join(command.split())[:80]}) is not rehearsed"
