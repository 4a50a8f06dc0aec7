"""Which columns of old rows a migration set: known only of tables that nothing but the migration's text can have updated."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pg_deploy.access.facts.functions import without_comments
from pg_deploy.catalog.dependencies import function_of_trigger, parents_of, text_of, words_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.names import elements, parsed, unquoted
from pg_deploy.catalog.reach import reached
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.errors import PgDeployError
from pg_deploy.grammar.nodes import walked
from pg_deploy.parsing.expressions import call_name, words
from pg_deploy.parsing.statements import split
from pg_deploy.parsing.syntax import trees_of

_WRITERS = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt", "CopyStmt")
_FIRE_NO_EVENT = (*_WRITERS, "SelectStmt", "VariableSetStmt")
"""Statements that fire no event trigger."""
_HIDDEN = (
    *("DoStmt", "CallStmt", "ExecuteStmt", "CreateExtensionStmt", "AlterExtensionStmt"),
    *("RuleStmt", "AlterObjectSchemaStmt"),
)
"""Statements whose text does not show what they do to rows, or after which other statements do not do what their text says."""
_NOT_RUN = ("CreateFunctionStmt", "CreatePolicyStmt", "AlterPolicyStmt")
_HARMLESS_RENAMES = ("OBJECT_COLUMN", "OBJECT_POLICY", "OBJECT_TABCONSTRAINT", "OBJECT_INDEX", "OBJECT_TRIGGER")
"""Kinds of objects that may be renamed: the names of tables and routines still mean the same throughout."""
_REWRITES = ("AT_AlterColumnType", "AT_AddColumn", "AT_SetExpression")
_BEFORE, _UPDATE = 2, 16
"""The server's bits for a trigger's time and event."""

_UPDATES = re.compile(r"(?<!')\b(update|merge|execute|spi_\w+)\b", re.IGNORECASE)
"""Words of a routine that updates rows. A routine that inserts or deletes only updates by triggers and foreign keys of tables
whose rows are counted."""
_OTHER_LANGUAGE = re.compile(r"^\s*LANGUAGE (?!sql\b|plpgsql\b|internal\b)", re.IGNORECASE | re.MULTILINE)
_HARMLESS = frozenset(
    ["crypt", "digest", "email", "gen_random_bytes", "gen_random_uuid", "gen_salt", "hmac", "jwt", "role", "uid"]
    + [f"uuid_generate_v{version}" for version in ("1", "1mc", "3", "4", "5")]
)
"""Functions of extensions that write nothing: no fact shows their text."""
_HARMLESS_SCHEMAS = ("pg_catalog", "cron")
"""The schemas of the server, and of pg_cron, whose functions change jobs only."""
_COLUMNS_AS_ARGUMENTS = frozenset(["moddatetime", "tsvector_update_trigger", "suppress_redundant_updates_trigger"])
"""Functions for triggers that only set columns that are given to them by name."""
_BEFORE_UPDATE = re.compile(r"\bBEFORE\b.*?\bUPDATE\b.*? ON ", re.DOTALL)
_ACTION = re.compile(
    r'FOREIGN KEY \((?P<columns>.*?)\) REFERENCES (?P<parent>(?:"(?:[^"]|"")+"|[^("])+)\(.*? ON'
    r" (UPDATE (CASCADE|SET)|DELETE SET) ?",
    re.DOTALL,
)
_OF_NEW = re.compile(r'\bnew\s*\.\s*(?:"([^"]+)"|(\w+))')
_RETURN = re.compile(r"\breturn\s+(?:new|old|null|coalesce\(\s*new\s*,\s*old\s*\))\s*;")


@dataclass(frozen=True)
class _Trigger:
    """A trigger: the words of its definition, its function, and whether it may change a row that is about to be updated."""

    words: frozenset[str]
    function: str
    changes_row: bool


class ColumnsSet:
    """The columns that a migration's text can have set; `written_tables` are those where written rows were counted.

    Tables are named `schema.name`. A name without its schema counts for every table that is called so.
    """

    def __init__(self, sql: str, written_tables: Iterable[str], before_and_after: tuple[Facts, Facts]) -> None:
        self._sql = sql
        self._before, after = before_and_after
        self._facts = self._before.facts | after.facts
        self._written_tables = frozenset(written_tables)

    def ancestors(self, table: str) -> frozenset[str]:
        """The tables that a table is a partition of, or inherits from, through any depth."""
        return reached([table], lambda each: self._parents.get(each, ())) - {table}

    @cached_property
    def by_table(self) -> Mapping[str, frozenset[str]]:
        """The columns that may have been set, for each table of which the text tells all updates."""
        named = self._columns_named()
        touched = self._touched_tables() if self._nodes and not self._is_hidden() else None
        if touched is None or self._calls_writer(touched):
            return {}
        found = {}
        for table in {relative for each in named for relative in self._family(each)}:
            columns = self._columns_of(table, named)
            if columns is not None:
                found[table] = columns
        return found

    # The text, which may be large: it is read only if it has to be

    @cached_property
    def _statements(self) -> tuple[frozenset[str], Sequence[Any]]:
        """The kinds and the trees of the text's statements; nothing if one of them cannot be read."""
        try:
            statements = split(self._sql, file="migration")
        except PgDeployError:
            return frozenset(), []
        trees = [tree for statement in statements for tree in trees_of(statement.brief)]
        return frozenset(each.kind for each in statements), trees if len(trees) == len(statements) else []

    @cached_property
    def _nodes(self) -> Mapping[str, Sequence[Any]]:
        """By kind, every node of the statements that act at once, and not when somebody calls what they made."""
        found = defaultdict(list)
        for tree in self._statements[1]:
            for kind, node in _nodes(tree) if _kind(tree) not in _NOT_RUN else ():
                found[kind].append(node)
        return found

    def _nodes_of(self, *kinds: str) -> Iterator[tuple[str, Any]]:
        return ((kind, node) for kind in kinds for node in self._nodes.get(kind, ()))

    # The objects on both sides

    @cached_property
    def _relations(self) -> Mapping[str, list[Fact]]:
        """The relations by name, without the schema."""
        found = defaultdict(list)
        for fact in self._facts:
            if fact.kind in RELATIONS:
                found[fact.identity.plain_name].append(fact)
        return found

    @cached_property
    def _parts(self) -> Mapping[str, list[Fact]]:
        found = defaultdict(list)
        for fact in self._facts:
            if fact.kind in ("column", "constraint", "trigger", "rule"):
                found[fact.identity.relation.plain].append(fact)
        return found

    @cached_property
    def _parents(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for fact in self._facts:
            if fact.kind == "table" and (parents := parents_of(fact)):
                names = frozenset(parsed("table", parent).plain for parent in parents)
                found[fact.identity.plain] = found.get(fact.identity.plain, frozenset()) | names
        return found

    @cached_property
    def _children(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for table, parents in self._parents.items():
            for parent in parents:
                found.setdefault(parent, set()).add(table)
        return found

    def _family(self, table: str) -> frozenset[str]:
        """A table with its ancestors, whose updates may reach it, and its descendants, whose rows it shows."""
        return self.ancestors(table) | reached([table], lambda each: self._children.get(each, ()))

    @cached_property
    def _texts(self) -> Mapping[str, list[str]]:
        """The texts of routines and views, of both sides and of the migration, by name."""
        found = defaultdict(list)
        for fact in self._facts:
            if fact.kind in ROUTINES or fact.kind in VIEWS:
                found[fact.identity.plain_name.lower()].append(text_of(fact))
        for made in self._statements[1]:
            if _kind(made) != "CreateFunctionStmt":
                continue
            texts = [str(node.sval) for kind, node in _nodes(made) if kind == "String"]
            options = {each.defname: each.arg for each in made.options or ()}
            language = f"LANGUAGE {options['language'].sval}" if "language" in options else "LANGUAGE sql"
            # a body as in the SQL standard is made of statements: no string in it says that it updates
            body = list(_nodes(made.sql_body))
            statements = [kind.removesuffix("Stmt") for kind, _ in body]
            calls = [call_name(node)[1] for kind, node in body if kind == "FuncCall"]
            found[words(made.funcname)[-1].lower()].append("\n".join([language, *texts, *statements, *calls]))
        return found

    # The statements of the text

    def _is_hidden(self) -> bool:
        """Whether the text does not show what was done to rows, or what names meant."""
        return (
            any(kind in self._nodes for kind in _HIDDEN)
            or any(node.renameType.name not in _HARMLESS_RENAMES for _, node in self._nodes_of("RenameStmt"))
            or any(node.behavior.name == "DROP_CASCADE" for _, node in self._nodes_of("TruncateStmt"))
        )

    def _tables_of(self, relation: Any) -> list[Fact]:
        return [
            fact
            for fact in self._relations.get(relation.relname, ())
            if relation.schemaname in (None, "", unquoted(fact.identity.schema))
        ]

    def _touched_tables(self) -> frozenset[str] | None:
        """The tables whose triggers may have fired; None if one of them is a view or unknown, or has rules."""
        made = {node.relation.relname for _, node in self._nodes_of("CreateStmt")}
        made |= {node.rel.relname for _, node in self._nodes_of("IntoClause") if node.rel is not None}
        found = set(self._written_tables)
        for relation in self._written_relations():
            facts = self._tables_of(relation)
            if any(fact.kind != "table" for fact in facts) or not (facts or relation.relname in made):
                return None
            found |= {fact.identity.plain for fact in facts}
        found |= {relative for table in found for relative in self._family(table)}
        ruled = any(part.kind == "rule" for table in found for part in self._parts.get(table, ()))
        return None if ruled else frozenset(found)

    def _written_relations(self) -> Iterator[Any]:
        """The relations that the statements of the text write to."""
        for kind, node in self._nodes_of(*_WRITERS):
            if kind == "TruncateStmt":
                yield from node.relations
            elif kind != "CopyStmt" or node.is_from:
                yield node.relation

    def _columns_named(self) -> Mapping[str, frozenset[str]]:
        """By table, the columns that updates of the text name."""
        found: dict[str, frozenset[str]] = {}
        for kind, node in self._nodes_of("UpdateStmt", "InsertStmt", "MergeStmt"):
            for targets in _targets_set(kind, node):
                for table in self._tables_of(node.relation):
                    columns = frozenset(target.name for target in targets if target.name)
                    name = table.identity.plain
                    found[name] = found.get(name, frozenset()) | columns
        return found

    # The functions that the statements call

    def _calls_writer(self, touched: AbstractSet[str]) -> bool:
        """Whether a function that may update rows can have run: called by name, as a default, by a trigger, or by others."""
        names: set[str] = set()
        for _, node in self._nodes_of("FuncCall"):
            schema, name = call_name(node)
            is_known = schema in ("", *_HARMLESS_SCHEMAS) or name.lower() in self._texts or name in _HARMLESS
            if not is_known:
                return True
            names.add(name.lower())
        names |= {node.relname.lower() for _, node in self._nodes_of("RangeVar")}
        names |= {words(node.funcname)[-1].lower() for _, node in self._nodes_of("CreateTrigStmt")}
        for table in touched:
            for part in self._parts.get(table, ()):
                if part.kind == "constraint" or "default" in part.properties:
                    names |= words_of(text_of(part))
            for trigger in self._triggers(table):
                names |= trigger.words
        names |= self._event_functions()
        known = self._texts.keys()
        every = reached(known & names, lambda name: known & frozenset().union(*map(words_of, self._texts[name])))
        return any(
            _UPDATES.search(without_comments(text)) or _OTHER_LANGUAGE.search(text)
            for name in every
            for text in self._texts[name]
        )

    def _event_functions(self) -> set[str]:
        """The names of the functions of event triggers that a statement of the text fires."""
        kinds, trees = self._statements
        if "IntoClause" not in self._nodes and all(_kind(tree) in (*_FIRE_NO_EVENT, *_NOT_RUN) for tree in trees):
            return set()
        found: set[str] = set()
        for fact in self._facts:
            if fact.kind == "event trigger":
                tags = {str(tag).lower() for tag in fact.properties.get("tags") or ()}
                if not tags or any(kind.startswith(tag) or tag.startswith(kind) for kind in kinds for tag in tags):
                    found |= words_of(str(fact.properties["function"]))
        return found

    def _triggers(self, table: str) -> Iterator[_Trigger]:
        for part in self._parts.get(table, ()):
            if part.kind == "trigger":
                text = part.definition_text
                called = function_of_trigger(text)
                name = called.plain_name.lower() if called else ""
                yield _Trigger(words_of(text), name, bool(_BEFORE_UPDATE.search(text)))
        for _, node in self._nodes_of("CreateTrigStmt"):
            if any(fact.identity.plain == table for fact in self._tables_of(node.relation)):
                name = words(node.funcname)[-1].lower()
                given = frozenset(words(node.args))
                is_before = bool(node.timing & _BEFORE and node.events & _UPDATE)
                yield _Trigger(given | {name}, name, is_before)

    # The columns that change with those that the text names

    def _columns_of(self, table: str, named: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
        """The columns that the text names for a table and its relatives, and those that change with them; None if it may be any."""
        family = self._family(table)
        columns = frozenset().union(*(named.get(each, frozenset()) for each in family))
        for each in family:
            for trigger in self._triggers(each):
                more = self._set_by_trigger(trigger) if trigger.changes_row else frozenset()
                if more is None:
                    return None
                columns |= more
            for part in self._parts.get(each, ()):
                columns |= self._set_by_foreign_key(part) if part.kind == "constraint" else frozenset()
        for kind, node in self._nodes_of("AlterTableStmt", "RenameStmt"):
            if node.relation is None or not family & {fact.identity.plain for fact in self._tables_of(node.relation)}:
                continue
            if kind == "RenameStmt" and node.renameType.name == "OBJECT_COLUMN":
                return None
            columns |= {
                command.name or getattr(command, "def").colname
                for command in (node.cmds or () if kind == "AlterTableStmt" else ())
                if command.subtype.name in _REWRITES and self._was_there(family, command)
            }
        return columns | self._generated(family, columns)

    def _set_by_trigger(self, trigger: _Trigger) -> frozenset[str] | None:
        """The columns that a trigger may set in a row before it is written; None if it may be any."""
        texts = self._texts.get(trigger.function, [])
        if not texts:
            return trigger.words if trigger.function in _COLUMNS_AS_ARGUMENTS else None
        found: frozenset[str] = frozenset()
        for text in texts:
            body = without_comments(text).lower()
            columns = {quoted or plain for quoted, plain in _OF_NEW.findall(body)}
            left = _RETURN.sub(" ", _OF_NEW.sub(" ", body))
            if re.search(r"\b(new|return|alias)\b", left):
                return None
            found |= columns
        return found

    def _set_by_foreign_key(self, constraint: Fact) -> frozenset[str]:
        """The columns that a foreign key sets if a row that it points at gets another key or is deleted, and such rows were written."""
        action = _ACTION.search(constraint.definition_text)
        if not action or not self._family(parsed("table", action["parent"]).plain) & self._written_tables:
            return frozenset()
        return frozenset(elements(action["columns"]))

    def _was_there(self, family: AbstractSet[str], command: Any) -> bool:
        """Whether a column of that name was there before: it may have been dropped and added again."""
        name = command.name or getattr(command, "def").colname
        return any(
            fact.kind == "column" and fact.identity.plain_name == name and fact.identity.relation.plain in family
            for fact in self._before.facts
        )

    def _generated(self, family: AbstractSet[str], columns: AbstractSet[str]) -> frozenset[str]:
        """The generated columns that are made from some of these columns."""
        lowered = {column.lower() for column in columns}
        return frozenset(
            part.identity.plain_name
            for table in family
            for part in self._parts.get(table, ())
            if part.properties.get("generated") and lowered & words_of(str(part.properties.get("default", "")))
        )


def _kind(node: object) -> str:
    return type(node).__name__


def _nodes(tree: object) -> Iterator[tuple[str, Any]]:
    """Every node of a tree with the name of its kind: not every kind has a class that declares its fields."""
    return ((_kind(node), node) for node in walked(tree))


def _targets_set(kind: str, node: Any) -> Iterator[Sequence[Any]]:
    """The columns that a statement sets, for each of its clauses that updates rows."""
    if kind == "UpdateStmt":
        yield node.targetList or ()
    elif kind == "InsertStmt" and node.onConflictClause is not None and node.onConflictClause.targetList:
        yield node.onConflictClause.targetList
    elif kind == "MergeStmt":
        for clause in node.mergeWhenClauses or ():
            if clause.commandType.name == "CMD_UPDATE":
                yield clause.targetList or ()
