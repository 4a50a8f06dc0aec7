"""Which differences of the catalog are settled, and by whom; a kind of difference that nobody has thought of is not settled.

A difference is harmless by its kind; or access_changes tells it (a grant, a role); or it lies in the closure of something
that roles reach: of a table's policies (the engines answer), of a view (it is read), of a function (it is called), of a write.
Nothing here asks the database.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from pg_deploy.access.facts.api import Api
from pg_deploy.access.facts.carriers import find_carried_tables
from pg_deploy.access.facts.function_marks import doubts_about_marks, writes_otherwise
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
"""Kinds that decide nothing about rows, wherever they are."""
TOLD_BY_ACCESS_CHANGES = frozenset(
    {"grant", "role", "membership", "default grant", "setting", "policy", "parameter grant"}
)
"""access_changes tells each difference of these kinds, or the engines ask for what they decide."""
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
_IRRELEVANT = re.compile(r" (?:STABLE|VOLATILE|PARALLEL (?:SAFE|RESTRICTED|UNSAFE)|COST [\d.]+|ROWS [\d.]+)(?=\s)")


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
    """The differences, the tables, views and functions that have to be asked because of them, and what nobody can ask."""

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
    """For each of `functions` that is a carrier, its tables: it is called only if one of them is not settled."""
    relations_written_otherwise: frozenset[str] = frozenset()
    """Relations of which a write may do something else than before, because something differs that is in no predicate."""


@lru_cache(maxsize=4)
def roots_of(facts: Facts, api: Api) -> Roots:
    """What the roles of the API reach on this side."""
    grants = list(read_grants(facts))
    roles = reachable_roles(facts, api.roles)
    schemas = {of for of, role, rights in grants if of.kind == "schema" and role in roles and "USAGE" in rights}
    found: dict[str, set[str]] = defaultdict(set)
    for target, role, rights in grants:
        if role not in roles or not rights or target.kind not in (*RELATIONS, "column", *ROUTINES):
            continue
        kind, name = target.kind, target
        if kind == "column":
            name = target.relation
            kind = next((each for each in RELATIONS if (each, name) in facts.by_key), "table")
        if name.schema in schemas:
            what = "table" if kind in ("table", "foreign table") else "view" if kind in RELATIONS else "function"
            found[what].add(name)
    return Roots(frozenset(found["table"]), frozenset(found["view"]), frozenset(found["function"]))


def differences(before: Facts, after: Facts) -> tuple[Difference, ...]:
    """The facts that differ in anything that can decide about rows."""
    keys = {fact.key for fact in before.facts ^ after.facts}
    found = []
    for key in sorted(keys):
        old, new = before.by_key.get(key), after.by_key.get(key)
        if key[0] in HARMLESS:
            continue
        if (
            old is None
            or new is None
            or _meaning(old) != _meaning(new)
            or writes_otherwise(old, new, closure_of(after))
        ):
            found.append(Difference(key, old, new))
    return tuple(found)


def _meaning(fact: Fact) -> dict[str, Any]:
    """The part of a fact that can decide anything: a function's costs and a column's place in its table cannot.

    Whether a function is stable or volatile decides in two ways only, which function_marks knows.
    """
    properties = dict(fact.properties)
    if fact.kind in ROUTINES and "definition" in properties:
        head, mark, body = str(properties["definition"]).partition("\nAS ")
        properties["definition"] = " ".join(_IRRELEVANT.sub("", head + " \n").split()) + mark + body
    if fact.kind == "column":
        for name in ("position", "storage", "compression", "statistics target", "options"):
            properties.pop(name, None)
    if fact.kind in ("table", "materialized view"):
        for name in ("options", "toast options", "tablespace", "access method", "populated", "replica identity"):
            properties.pop(name, None)
    if fact.kind == "sequence":
        return {"owner": properties.get("owner")}
    return properties


def settle(before: Facts, after: Facts, api: Api, written_tables: Collection[str]) -> Settlement:
    """Sort all differences of the catalog by what has to be asked about them; the migration wrote rows of `written_tables`."""
    return _Settling(before, after, api, frozenset(written_tables)).settlement()


@dataclass(frozen=True)
class _Settling:
    before: Facts
    after: Facts
    api: Api
    written_tables: frozenset[str]

    @cached_property
    def _differences(self) -> tuple[Difference, ...]:
        return differences(self.before, self.after)

    @cached_property
    def _new(self) -> frozenset[str]:
        """The names of new objects."""
        return frozenset(each.node[1] for each in self._differences if each.old is None)

    def settlement(self) -> Settlement:
        tables: set[str] = set()
        views: set[str] = set()
        views_with_other_rows: set[str] = set()
        views_defined_otherwise: set[str] = set()
        functions: set[str] = set()
        carried: dict[str, frozenset[str] | None] = {}
        unsettled: dict[Unsettled, None] = {}
        written_otherwise: set[str] = set()
        nodes = {each.node: each for each in self._differences if each.node[0] not in ("grant", "default grant")}
        rows = {node for name in self.written_tables for node in _nodes_named(name, self.before, self.after)}
        old_differs = bool(rows) or any(each.old is not None for each in nodes.values())
        for facts in (self.before, self.after):
            closure, roots = closure_of(facts), roots_of(facts, self.api)
            touched = frozenset(nodes) | rows | self._tables_of_columns(facts)
            for name in roots.tables - self._new:
                if self._rests_on_difference(closure, _relation(name, facts), touched, old_differs=old_differs):
                    tables.add(name)
            for name in roots.views - self._new:
                if self._rests_on_difference(closure, _relation(name, facts), touched, old_differs=old_differs):
                    views.add(name)
                    found = closure.of(_relation(name, facts))
                    if not found.isdisjoint(rows):
                        views_with_other_rows.add(name)
                    if not found.isdisjoint(nodes):
                        views_defined_otherwise.add(name)
            for name in roots.functions - self._new:
                if self._rests_on_difference(closure, _routine(name, facts), touched, old_differs=old_differs):
                    functions.add(name)
                    one = find_carried_tables(closure, _routine(name, facts), touched, dynamic=old_differs)
                    other = carried.get(name, frozenset())
                    carried[name] = None if one is None or other is None else one | other
            for name in (roots.tables | roots.views) - self._new:
                for each in self._unsettled_writes(closure, _relation(name, facts), nodes, rows, name):
                    unsettled[each] = None
                    written_otherwise.add(name)
        for each in (*self._unsettled_hooks(frozenset(nodes) | rows), *doubts_about_marks(self.before, self.after)):
            unsettled[each] = None
        written_otherwise |= {parent for each in self._differences if (parent := _parent_that_acts(each)) is not None}
        for difference in self._differences:
            if (reason := self._reason_by_kind(difference)) is not None:
                unsettled[Unsettled(difference.node[1], reason)] = None
        # A function whose set of tables is empty answers as before.
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
            frozenset(views_with_other_rows),
            frozenset(views_defined_otherwise),
            {name: read for name in callable_ if (read := carried[name]) is not None and read <= tables},
            frozenset(written_otherwise),
        )

    def _unsettled_hooks(self, touched: frozenset[Node]) -> Iterator[Unsettled]:
        """Functions that only roles beside the API run, such as the hook that writes tokens: no engine asks as such a role."""
        for facts in (self.before, self.after):
            closure, roots = closure_of(facts), roots_of(facts, self.api)
            roles = _roles_beside_api(facts, self.api)
            for name, role, rights in read_grants(facts):
                node = (name.kind, name)
                if (
                    role not in roles
                    or name.kind not in ROUTINES
                    or "EXECUTE" not in rights
                    or name in roots.functions | self._new
                    or unquoted(name.schema) in self.api.ignored_schemas
                ):
                    continue
                found = closure.of(node) & touched
                fact = facts.by_key.get(node)
                if found and fact is not None and fact.properties.get("owner") != role:
                    kind, other = min(found)
                    what = "it" if node in found else f'{kind} "{other}", which it rests on,'
                    yield Unsettled(
                        name, f'role "{role}" runs it, perhaps to write what tokens say, and {what} is another one now'
                    )

    def _tables_of_columns(self, facts: Facts) -> frozenset[Node]:
        """Tables with a column that is new, gone or another one, and whose name is in a text that decides.

        A text may now mean a new column by a name that meant an argument, or a column of another table, until now.
        """
        found: set[Node] = set()
        for each in self._differences:
            kind, identity = each.node
            if kind != "column" or (each.old and each.new and _without_default(each.old) == _without_default(each.new)):
                continue
            column = identity_of((kind, identity))
            table = column.relation
            read = _deciding_words_about(table, self.before)
            if each.old is not None:
                read |= _deciding_words_about(table, self.after)
            if table not in self._new and column.plain_name.lower() in read:
                found.add(_relation(table, facts))
        return frozenset(found)

    @staticmethod
    def _rests_on_difference(closure: Closure, root: Node, touched: frozenset[Node], *, old_differs: bool) -> bool:
        """Whether anything differs that a root rests on; a dynamic function may read anything that was there and differs."""
        found = closure.of(root)
        return not found.isdisjoint(touched) or (old_differs and not found.isdisjoint(closure.dynamic))

    def _unsettled_writes(
        self, closure: Closure, root: Node, nodes: Mapping[Node, Difference], rows: set[Node], name: str
    ) -> Iterator[Unsettled]:
        """The parts of a relation that act when rows are written, are no predicate, and differ or read what differs."""
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
                    if reason := self._constraint_reason(nodes[each], read, name):
                        yield Unsettled(name, reason)
                elif each[0] == "column":
                    if reason := self._column_reason(nodes[each], read):
                        yield Unsettled(name, reason)
                elif each[0] in (*ROUTINES, "operator", "cast", "type", *RELATIONS):
                    if part.kind == "column" and _only_adds_labels(nodes[each]):
                        continue
                    what = f'{part.kind} "{part.identity.name}"'
                    if part.kind != "constraint" or nodes[each].old is not None:
                        yield Unsettled(name, f"{nodes[each].sentence}, and {what} rests on it when rows are written")
            changed = sorted(below & rows)
            if changed and part.kind == "trigger":
                yield Unsettled(
                    name, f'the migration changes rows of "{changed[0][1]}", which trigger "{part.identity}" may read'
                )

    @cached_property
    def _read_columns(self) -> frozenset[str]:
        """Every word of what decides on either side; among them are the names of all columns that decide anything."""
        return _all_deciding_words(self.before) | _all_deciding_words(self.after)

    def _constraint_reason(self, each: Difference, read: frozenset[str], name: str) -> str | None:
        definition = str((each.new or each.old or _no_fact()).properties.get("definition", ""))
        old = str(each.old.properties.get("definition", "")) if each.old else ""
        new_actions = _actions(definition) - _actions(old) if each.new is not None else frozenset()
        if each.old is None or each.new is not None:
            if new_actions and definition.startswith("FOREIGN KEY"):
                if each.old is None and _columns_are_new(definition, name, self.before):
                    return None
                parent = first_relation(definition.split("REFERENCES ", 1)[-1])
                changed = f"{_join_with_or(new_actions)} of a row of {in_quotes(parent)} now changes rows of {in_quotes(name)}"
                return f"{each.sentence}: {changed}, whatever its policies say"
            if each.old is None or definition.startswith(("FOREIGN KEY", "PRIMARY KEY", "UNIQUE")):
                return None
            return f"{each.sentence}, and it decides which rows can be written" if words_of(old) & read else None
        decides = (
            bool(words_of(old) & read)
            if old.startswith("CHECK")
            else bool(_own_columns(old) & _deciding_words_about(name, self.before)) and not self._is_replaced(old, name)
        )
        return f"{each.sentence}, and rows can be written that it refused" if decides else None

    def _is_replaced(self, definition: str, name: str) -> bool:
        """Whether another constraint, or a unique index, refuses the same rows of a relation as a constraint that is gone."""
        plain = definition.replace(" NOT VALID", "")
        for fact in self.after.facts:
            text = str(fact.properties.get("definition", ""))
            if fact.kind == "constraint" and fact.identity.relation == name and text.replace(" NOT VALID", "") == plain:
                return True
            if fact.kind == "index" and text.startswith("CREATE UNIQUE INDEX") and " WHERE " not in text:
                if "NULLS NOT DISTINCT" in plain and "NULLS NOT DISTINCT" not in text:
                    continue
                _, _, on = text.partition(" ON ")
                if on.split(" USING ")[0].removeprefix("ONLY ") == name and _own_columns(on) == _own_columns(plain):
                    return not plain.startswith("FOREIGN KEY")
        return False

    def _column_reason(self, each: Difference, read: frozenset[str]) -> str | None:
        identity = identity_of(each.node)
        column = identity.plain_name.lower()
        old, new = (dict(fact.properties) if fact else {} for fact in (each.old, each.new))
        if each.old is None or each.new is None:
            return None
        if (
            old.get("not null")
            and not new.get("not null")
            and column in _deciding_words_about(identity.relation, self.before)
        ):
            return f'column "{column}", which policies or functions read, may be null now'
        if old.get("identity") == "always" and new.get("identity") != "always" and column in read:
            return f'column "{column}", which policies or functions read, takes any value now'
        if old.get("default") != new.get("default"):
            if old.get("generated") or new.get("generated"):
                return f"{each.sentence}, and it shows other values than before"
            if column in read:
                return f'the default of column "{column}", which policies or functions read, is another one'
        return None

    def _reason_by_kind(self, each: Difference) -> str | None:
        kind = each.node[0]
        if kind in TOLD_BY_ACCESS_CHANGES or kind in _BY_CLOSURE:
            return None
        if kind == "cron job":
            return _job_reason(each)
        if kind == "extension":
            schema = str((each.new or each.old or _no_fact()).properties.get("schema", ""))
            if schema in self.api.ignored_schemas or schema.startswith("pg_"):
                return None
            return f'{each.sentence}: its functions in schema "{schema}" may be executed by everybody'
        if kind in ("publication", "publication schema"):
            return None  # told by access_changes
        return f"{each.sentence}, and nobody has said what a {kind} decides"


@lru_cache(maxsize=4)
def _roles_beside_api(facts: Facts, api: Api) -> frozenset[str]:
    """Roles that are neither the API's nor superusers: services that run functions of their own."""
    return frozenset(
        fact.identity
        for fact in facts.facts
        if fact.kind == "role" and not fact.properties.get("superuser") and fact.identity not in api.roles
    )


def _no_fact() -> Fact:
    return Fact("", Identity("", ""), "{}", "database")


def _nodes_named(name: str, *sides: Facts) -> Iterator[Node]:
    """The nodes of a relation by its unquoted name."""
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
def _deciding_words(facts: Facts) -> tuple[tuple[str, frozenset[str]], ...]:
    """The words of policies and what they call, of definer functions, and of a view's text from FROM on; a policy's with its table."""
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
def _all_deciding_words(facts: Facts) -> frozenset[str]:
    """Every word of the texts that decide; among them are all columns that decide anything about rows."""
    return frozenset().union(*(words for _, words in _deciding_words(facts)))


def _deciding_words_about(table: str, facts: Facts) -> frozenset[str]:
    """The words of the texts that decide and name a table, and of its policies; among them are all its columns that decide anything."""
    last = parsed("table", table).plain_name.lower()
    return frozenset().union(*(words for owner, words in _deciding_words(facts) if owner == table or last in words))


def _without_default(fact: Fact) -> dict[str, object]:
    return {name: value for name, value in _meaning(fact).items() if name not in ("default", "not null constraint")}


def _only_adds_labels(each: Difference) -> bool:
    """Whether an enumeration only has more labels than before: stored values and defaults stay as they are."""
    if each.old is None or each.new is None:
        return False
    old, new = dict(each.old.properties), dict(each.new.properties)
    had, has = old.pop("enum", None), new.pop("enum", None)
    return bool(had and has) and old == new and [label for label in has if label in had] == had


def _is_key(part: Fact) -> bool:
    """Whether a part is a constraint that rests on columns alone."""
    return part.kind == "constraint" and part.definition_text.startswith(("PRIMARY KEY", "UNIQUE", "FOREIGN KEY"))


def _own_columns(definition: str) -> frozenset[str]:
    """The columns of a key, a foreign key or an index, from its definition."""
    return words_of(definition.partition("(")[2].partition(")")[0])


def _actions(definition: str) -> frozenset[str]:
    return frozenset(re.findall(r"ON (DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)", definition))


def _parent_that_acts(each: Difference) -> str | None:
    """The table of which a deleted or updated row now changes rows of another table, because of a foreign key."""
    definition = str(each.new.properties.get("definition", "")) if each.new else ""
    old = str(each.old.properties.get("definition", "")) if each.old else ""
    if (
        each.node[0] != "constraint"
        or not definition.startswith("FOREIGN KEY")
        or not _actions(definition) - _actions(old)
    ):
        return None
    return first_relation(definition.split("REFERENCES ", 1)[-1])


def _join_with_or(words: Collection[str]) -> str:
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
