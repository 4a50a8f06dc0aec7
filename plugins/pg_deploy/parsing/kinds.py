"""What a statement is and does, read from its syntax tree: its command, and whether it may run inside a transaction."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pg_deploy.parsing.tree import (
    Fields,
    changes_data,
    fields,
    function_calls,
    items,
    list_items,
    options,
    strings,
    switched_on,
    text,
    type_and_fields,
    walk,
)


@dataclass(frozen=True)
class ObjectName:
    """An object as its statement names it. to_regclass() can read `name`; for a function, to_regprocedure() can.

    `on` is the table of a column, constraint, policy, rule or trigger.
    """

    kind: str
    name: str
    on: str | None = None


@dataclass(frozen=True)
class ConcurrentIndex:
    """What a CONCURRENTLY statement on an index works on. Names are unquoted, as in the catalog; None: not written.

    An index is created in its table's schema. For `reindex table concurrently` there is no index's `name`; for `reindex
    schema concurrently` there is a `schema` only.
    """

    action: Literal["create", "drop", "reindex"]
    schema: str | None
    name: str | None
    table: str | None
    unique: bool = False
    if_not_exists: bool = False


_KINDS = {
    "CreateStmt": "create table",
    "ViewStmt": "create view",
    "CreateTrigStmt": "create trigger",
    "CreatedbStmt": "create database",
    "DropdbStmt": "drop database",
    "AlterDatabaseSetStmt": "alter database",
    "AlterDatabaseRefreshCollStmt": "alter database",
    "AlterRoleSetStmt": "alter role",
    "AlterEnumStmt": "alter type",
    "CompositeTypeStmt": "create type",
    "CreateEnumStmt": "create type",
    "CreateRangeStmt": "create type",
    "RuleStmt": "create rule",
    "CreateSeqStmt": "create sequence",
    "AlterSeqStmt": "alter sequence",
    "CreateStatsStmt": "create statistics",
    "AlterStatsStmt": "alter statistics",
    "RefreshMatViewStmt": "refresh materialized view",
    "LockStmt": "lock table",
    "SecLabelStmt": "security label",
    "CheckPointStmt": "checkpoint",
    "ConstraintsSetStmt": "set constraints",
    "VariableSetStmt": "set",
    "VariableShowStmt": "show",
    "CreateEventTrigStmt": "create event trigger",
    "AlterEventTrigStmt": "alter event trigger",
    "CreateFdwStmt": "create foreign data wrapper",
    "AlterFdwStmt": "alter foreign data wrapper",
    "CreateForeignServerStmt": "create server",
    "AlterForeignServerStmt": "alter server",
    "CreateTableSpaceStmt": "create tablespace",
    "DropTableSpaceStmt": "drop tablespace",
    "CreateOpClassStmt": "create operator class",
    "CreateOpFamilyStmt": "create operator family",
    "AlterOpFamilyStmt": "alter operator family",
    "CreateConversionStmt": "create conversion",
    "CreateAmStmt": "create access method",
    "CreatePLangStmt": "create language",
    "AlterTableMoveAllStmt": "alter table",
    "AlterExtensionContentsStmt": "alter extension",
    "ClosePortalStmt": "close",
    "DeclareCursorStmt": "declare",
}
_OBJECT_KINDS = {
    "matview": "materialized view",
    "statistic ext": "statistics",
    "tabconstraint": "table",
    "domconstraint": "domain",
}
# Functions that lock only what their arguments name. An unknown function may do anything, so it makes a query opaque.
_HARMLESS_NAMES = (
    "abs avg bool_and bool_or btrim ceil clock_timestamp concat concat_ws count currval extract floor format "
    "gen_random_uuid generate_series greatest lastval least left length lower ltrim max md5 min nextval now "
    "obj_description random rank replace right round row_number rtrim set_config setval split_part substr "
    "substring sum trim unnest upper version auth.uid auth.role auth.jwt auth.email"
)
_HARMLESS = frozenset(_HARMLESS_NAMES.split())
_HARMLESS_PREFIXES = (
    *("array_", "current_", "date_", "has_", "hashtext", "json_", "jsonb_", "make_", "pg_advisory_", "pg_get_"),
    *("pg_notify", "pg_try_advisory_", "quote_", "regexp_", "string_", "to_"),
)
_PG_CRON_FUNCTIONS = frozenset({"cron.schedule", "cron.schedule_in_database", "cron.unschedule", "cron.alter_job"})
_SESSION_FUNCTIONS = re.compile(r"(pg_catalog\.)?(pg_advisory_lock(_shared)?|pg_try_advisory_lock(_shared)?)")


def _rename_kind(stmt: Fields) -> str:
    is_part = stmt.get("renameType") in {"OBJECT_COLUMN", "OBJECT_ATTRIBUTE"}
    return f"alter {_object_kind(stmt.get('relationType' if is_part else 'renameType'))}"


def _alter_table_kind(stmt: Fields) -> str:
    if _detaches_concurrently(stmt):
        return "alter table detach partition concurrently"
    return f"alter {_object_kind(stmt.get('objtype'))}"


def _other_object_kind(stmt: Fields) -> str:
    return f"alter {_object_kind(stmt.get('objectType'))}"


_KIND_BY_FIELDS: dict[str, Callable[[Fields], str]] = {
    "IndexStmt": lambda stmt: "create index" + _concurrently(bool(stmt.get("concurrent"))),
    "ReindexStmt": lambda stmt: "reindex" + _concurrently(_reindexes_concurrently(stmt)),
    "CreateFunctionStmt": lambda stmt: "create procedure" if stmt.get("is_procedure") else "create function",
    "CreateTableAsStmt": lambda stmt: f"create {_object_kind(stmt.get('objtype'))}",
    "VacuumStmt": lambda stmt: "vacuum" if stmt.get("is_vacuumcmd") else "analyze",
    "GrantStmt": lambda stmt: "grant" if stmt.get("is_grant") else "revoke",
    "GrantRoleStmt": lambda stmt: "grant" if stmt.get("is_grant") else "revoke",
    "SelectStmt": lambda stmt: "values" if "valuesLists" in stmt else "select",
    "DropStmt": lambda stmt: (
        f"drop {_object_kind(stmt.get('removeType'))}" + _concurrently(bool(stmt.get("concurrent")))
    ),
    "DefineStmt": lambda stmt: f"create {_object_kind(stmt.get('kind'))}",
    "TransactionStmt": lambda stmt: text(stmt.get("kind")).removeprefix("TRANS_STMT_").lower().replace("_", " "),
    "AlterTableStmt": _alter_table_kind,
    "RenameStmt": _rename_kind,
    "AlterObjectSchemaStmt": _other_object_kind,
    "AlterOwnerStmt": _other_object_kind,
    "AlterObjectDependsStmt": _other_object_kind,
}


def kind_of(node: object) -> str:
    """Return the command in lower case, e.g. `create index concurrently`."""
    name, stmt = type_and_fields(node)
    if name in _KIND_BY_FIELDS:
        return _KIND_BY_FIELDS[name](stmt)
    if name in _KINDS:
        return _KINDS[name]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Stmt")).lower()


def _concurrently(is_so: bool) -> str:
    return " concurrently" if is_so else ""


def _reindexes_concurrently(stmt: Fields) -> bool:
    return switched_on(options(stmt.get("params")), "concurrently")


def _object_kind(constant: object) -> str:
    words = text(constant).removeprefix("OBJECT_").lower().replace("_", " ")
    return _OBJECT_KINDS.get(words, words)


def _detaches_concurrently(stmt: Fields) -> bool:
    return any(name == "PartitionCmd" and content.get("concurrent") for name, content in walk(stmt.get("cmds")))


_NEVER_IN_A_TRANSACTION = frozenset(
    {
        "CreatedbStmt",
        "DropdbStmt",
        "AlterSystemStmt",
        "CreateTableSpaceStmt",
        "DropTableSpaceStmt",
        "DropSubscriptionStmt",
    }
)


def _create_subscription_in_transaction(stmt: Fields) -> bool:
    given = options(stmt.get("options"))
    return not switched_on(given, "create_slot", default=switched_on(given, "connect", default=True))


def _alter_subscription_in_transaction(stmt: Fields) -> bool:
    given = options(stmt.get("options"))
    kind = text(stmt.get("kind"))
    if kind == "ALTER_SUBSCRIPTION_REFRESH":
        return False
    if kind.endswith("_PUBLICATION"):
        return not switched_on(given, "refresh", default=True)
    return not {"failover", "two_phase"} & set(given)


def _reindex_in_transaction(stmt: Fields) -> bool:
    return stmt.get("kind") in {"REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"} and not _reindexes_concurrently(stmt)


_IN_TRANSACTION: dict[str, Callable[[Fields], bool]] = {
    "IndexStmt": lambda stmt: not stmt.get("concurrent"),
    "DropStmt": lambda stmt: not stmt.get("concurrent"),
    "ReindexStmt": _reindex_in_transaction,
    "VacuumStmt": lambda stmt: not stmt.get("is_vacuumcmd"),
    "ClusterStmt": lambda stmt: "relation" in stmt,
    "AlterTableStmt": lambda stmt: not _detaches_concurrently(stmt),
    "AlterDatabaseStmt": lambda stmt: "tablespace" not in options(stmt.get("options")),
    "DiscardStmt": lambda stmt: stmt.get("target", "DISCARD_ALL") != "DISCARD_ALL",
    "CreateSubscriptionStmt": _create_subscription_in_transaction,
    "AlterSubscriptionStmt": _alter_subscription_in_transaction,
}


def runs_in_transaction(node: object) -> bool:
    """Tell whether the statement may run inside a transaction block.

    The text does not show whether a reindexed or clustered table is partitioned, or whether a procedure commits. These
    are taken as yes.
    """
    name, stmt = type_and_fields(node)
    if name in _IN_TRANSACTION:
        return _IN_TRANSACTION[name](stmt)
    return name not in _NEVER_IN_A_TRANSACTION


def is_opaque(node: object) -> bool:
    """Tell whether the statement may lock what its text does not show: a block, a call, a query with an unknown function."""
    name, stmt = type_and_fields(node)
    if name in {"DoStmt", "CallStmt", "ExecuteStmt", "CreateExtensionStmt", "AlterExtensionStmt"}:
        return True
    if name == "ExplainStmt":
        return switched_on(options(stmt.get("options")), "analyze") and is_opaque(stmt.get("query"))
    return name == "SelectStmt" and any(not _is_harmless(function) for function, _ in function_calls(node))


def changes_unseen(node: object) -> bool:
    """Tell whether the statement may change objects that its text does not name.

    An opaque statement may, unless it calls only functions of pg_cron, which change jobs only.
    """
    name, _ = type_and_fields(node)
    if not is_opaque(node) or name != "SelectStmt":
        return is_opaque(node)
    return any(
        not _is_harmless(function) and function not in _PG_CRON_FUNCTIONS for function, _ in function_calls(node)
    )


def _is_harmless(function: str) -> bool:
    name = function.removeprefix("pg_catalog.")
    return name in _HARMLESS or ("." not in name and name.startswith(_HARMLESS_PREFIXES))


def writes_rows(node: object) -> bool:
    """Tell whether the statement itself writes rows of tables. What a called function or a trigger writes does not count."""
    name, stmt = type_and_fields(node)
    if name in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt"}:
        return True
    if name == "CopyStmt":
        return bool(stmt.get("is_from")) or changes_data(stmt.get("query"))
    if name == "ExplainStmt":
        return switched_on(options(stmt.get("options")), "analyze") and writes_rows(stmt.get("query"))
    return name in {"SelectStmt", "CreateTableAsStmt"} and changes_data(stmt)


def changes_session(node: object) -> bool:
    """Tell whether the statement leaves a setting or a lock in the session that outlives its transaction."""
    name, stmt = type_and_fields(node)
    if name == "VariableSetStmt":
        return not stmt.get("is_local") and text(stmt.get("name")) not in {"TRANSACTION", "TRANSACTION SNAPSHOT"}
    if name in {"DiscardStmt", "PrepareStmt", "DeallocateStmt", "ListenStmt", "UnlistenStmt", "LoadStmt"}:
        return True
    return name in {"SelectStmt", "ExplainStmt"} and any(
        _SESSION_FUNCTIONS.fullmatch(function)
        or (function in {"set_config", "pg_catalog.set_config"} and not _is_true(arguments[2:]))
        for function, arguments in function_calls(node)
    )


def _is_true(arguments: list[Fields]) -> bool:
    return any(
        fields(fields(content).get("boolval")).get("boolval") is True for _, content in map(type_and_fields, arguments)
    )


def concurrent_index(node: object) -> ConcurrentIndex | None:
    """Return what a CONCURRENTLY statement on an index works on; None for any other statement."""
    name, stmt = type_and_fields(node)
    target = fields(stmt.get("relation"))
    schema, relname = text(target.get("schemaname")) or None, text(target.get("relname")) or None
    if name == "IndexStmt" and stmt.get("concurrent"):
        unique, guarded = bool(stmt.get("unique")), bool(stmt.get("if_not_exists"))
        return ConcurrentIndex("create", schema, text(stmt.get("idxname")) or None, relname, unique, guarded)
    if name == "DropStmt" and stmt.get("concurrent"):
        parts = strings(list_items(items(stmt.get("objects"))[0]))
        owner = parts[-2] if len(parts) > 1 else None
        return ConcurrentIndex("drop", owner, parts[-1], None)
    if name == "ReindexStmt" and switched_on(options(stmt.get("params")), "concurrently"):
        if stmt.get("kind") == "REINDEX_OBJECT_INDEX":
            return ConcurrentIndex("reindex", schema, relname, None)
        if stmt.get("kind") == "REINDEX_OBJECT_TABLE":
            return ConcurrentIndex("reindex", schema, None, relname)
        return ConcurrentIndex("reindex", text(stmt.get("name")) or None, None, None)
    return None
