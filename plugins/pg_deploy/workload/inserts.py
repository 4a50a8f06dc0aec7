"""Inserts that the server prepares and then refuses: a column that they leave out must have a value now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pg_deploy.catalog.dependencies import text_of, words_of
from pg_deploy.catalog.diff import Difference
from pg_deploy.catalog.names import unquoted
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.expressions import nodes
from pg_deploy.workload.asking import Form

Table = tuple[str, str]
"""Schema and name, as the catalog stores them."""


@dataclass(frozen=True)
class NewDemands:
    """What the tables ask of a new row since the migration and did not before.

    `required` are columns that need a value and get none by themselves; `judged` are tables with a new check, key or unique index,
    each with a sentence; `tables` are all tables, for names that are looked up in a search_path.
    """

    required: Mapping[Table, tuple[str, ...]]
    judged: Mapping[Table, str]
    positions: Mapping[Table, tuple[str, ...]]

    def left_out(self, form: Form, role: str) -> tuple[Table, tuple[str, ...]] | None:
        """The table of an insert and the columns that it leaves out and that are required now; None if there are none."""
        for table, given in self._inserts(form, role):
            missing = tuple(each for each in self.required.get(table, ()) if given is not None and each not in given)
            if missing:
                return table, missing
        return None

    def judge(self, form: Form, role: str) -> str | None:
        """What may refuse a row that the statement writes, in a sentence; None if nothing new does."""
        return next((self.judged[table] for table, _ in self._writes(form, role) if table in self.judged), None)

    def _inserts(self, form: Form, role: str) -> Iterator[tuple[Table, tuple[str, ...] | None]]:
        """The tables of inserts, each with the columns that get a value; None if it cannot be told."""
        for table, node in self._writes(form, role):
            if not isinstance(node, ast.InsertStmt):
                continue
            if node.cols:
                yield table, tuple(str(each.name) for each in node.cols)
                continue
            query = node.selectStmt
            if query is None:
                yield table, ()
            elif isinstance(query, ast.SelectStmt) and query.valuesLists:
                width = len(list(query.valuesLists[0]))
                yield table, self.positions.get(table, ())[:width]
            else:
                yield table, None

    def _writes(self, form: Form, role: str) -> Iterator[tuple[Table, ast.Node]]:
        try:
            trees = [each.stmt for each in parse_sql(form.text)]
        except (ParseError, TooDeepError):
            return
        for node in nodes(tuple(trees)):
            relation = getattr(node, "relation", None)
            if isinstance(node, (ast.InsertStmt, ast.UpdateStmt)) and isinstance(relation, ast.RangeVar):
                table = self._found(relation, form.path, role)
                if table is not None:
                    yield table, node

    def _found(self, relation: ast.RangeVar, path: str, role: str) -> Table | None:
        name = str(relation.relname)
        if relation.schemaname:
            return relation.schemaname, name
        for part in path.split(","):
            schema = unquoted(part.strip())
            table = (role if schema == "$user" else schema), name
            if table in self.positions:
                return table
        return None


def new_demands(found: Difference, before: Facts, after: Facts) -> NewDemands:
    """What a migration that made this difference asks of rows to come. Pure."""
    required: dict[Table, tuple[str, ...]] = {}
    judged: dict[Table, str] = {}
    filling = _filling_triggers(after)
    for fact in found.new_facts:
        table = _table_of(fact)
        if fact.kind == "column" and _needs_value(fact):
            was = before.by_key.get(fact.key)
            name = fact.identity.plain_name
            if (was is None or not _needs_value(was)) and name not in filling.get(table, ()):
                required[table] = (*required.get(table, ()), name)
        elif fact.kind == "constraint" and fact.key not in before.by_key:
            judged[table] = f"constraint {fact.identity.plain_name} is new: {fact.properties.get('definition', '')}"
        elif fact.kind == "index" and fact.key not in before.by_key and " UNIQUE " in text_of(fact):
            judged[table] = f"unique index {fact.identity.plain_name} is new"
    return NewDemands(required, judged, _positions(after))


def _needs_value(fact: Fact) -> bool:
    given = fact.properties
    return bool(given.get("not null")) and not any(given.get(each) for each in ("default", "identity", "generated"))


def _table_of(fact: Fact) -> Table:
    of = fact.identity
    return unquoted(of.schema), unquoted(of.parts[1] if len(of.parts) > 1 else "")


def _filling_triggers(facts: Facts) -> dict[Table, frozenset[str]]:
    """By table the words of the functions that fire before an insert: such a one may fill a column that it names."""
    functions = {
        fact.identity.plain.partition("(")[0]: words_of(text_of(fact))
        for fact in facts.facts
        if fact.kind == "function"
    }
    found: dict[Table, frozenset[str]] = {}
    for fact in facts.facts:
        definition = str(fact.properties.get("definition", ""))
        if fact.kind == "trigger" and " BEFORE " in definition and "INSERT" in definition:
            called = definition.rpartition(" EXECUTE FUNCTION ")[2].partition("(")[0]
            named = functions.get(".".join(unquoted(each) for each in called.split(".")), frozenset())
            found[_table_of(fact)] = found.get(_table_of(fact), frozenset()) | named
    return found


def _positions(facts: Facts) -> dict[Table, tuple[str, ...]]:
    columns: dict[Table, list[tuple[int, str]]] = {}
    for fact in facts.facts:
        if fact.kind == "column":
            place = int(str(fact.properties.get("position", 0)))
            columns.setdefault(_table_of(fact), []).append((place, fact.identity.plain_name))
    return {table: tuple(name for _, name in sorted(found)) for table, found in columns.items()}
