"""What a statement is, read from its syntax tree: its command, its objects, whether it may run inside a transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pg_deploy.sql_locks import content_list
from pg_deploy.sql_tree import (
    Fields,
    called,
    changes_data,
    fields,
    items,
    opened,
    options,
    strings,
    switched_on,
    text,
    walk,
)


@dataclass(frozen=True)
class ObjectName:
    """An object as its statement names it; `name` is readable by to_regclass(), for functions by to_regprocedure().

    `on` is the table of a column, constraint, policy, rule or trigger.
    """

    kind: str
    name: str
    on: str | None = None


@dataclass(frozen=True)
class ConcurrentIndex:
    """What a CONCURRENTLY statement works on, unquoted as in the catalog; None: not written.

    An index is created in its table's schema. `table` alone is given for `reindex table concurrently`, and `schema` alone for a
    schema.
    """

    action: Literal["create", "drop", "reindex"]
    schema: str | None
    name: str | None
    table: str | None
    unique: bool = False
    if_not_exists: bool = False
    if_exists: bool = False


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
    "GrantRoleStmt": "grant",
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
_CALLED_SAFELY = re.compile(
    r"(pg_catalog\.)?(now|count|sum|min|max|avg|length|lower|upper|concat(_ws)?|format|replace|left|right|substr(ing)?|coalesce|greatest|"
    r"least|nullif|round|floor|ceil|abs|random|md5|version|current_\w+|to_\w+|date_\w+|extract|make_\w+|jsonb?_\w+|array_\w+|string_\w+|"
    r"unnest|generate_series|row_number|rank|bool_and|bool_or|exists|gen_random_uuid|nextval|currval|setval|lastval|set_config|"
    r"pg_get_\w+|has_\w+_privilege|obj_description|pg_advisory_\w+|pg_try_advisory_\w+|pg_notify|clock_timestamp|quote_\w+|"
    r"hashtext\w*|regexp_\w+|split_part|trim|btrim|ltrim|rtrim)"
    r"|auth\.(uid|role|jwt|email)"
)
_SESSION_FUNCTIONS = re.compile(r"(pg_catalog\.)?(pg_advisory_lock(_shared)?|pg_try_advisory_lock(_shared)?)")


def kind_of(node: object) -> str:
    """Return the command in lower case, e.g. `create index concurrently`."""
    name, stmt = opened(node)
    if name in _KINDS:
        return _KINDS[name]
    if name == "IndexStmt":
        return "create index concurrently" if stmt.get("concurrent") else "create index"
    if name == "ReindexStmt":
        return "reindex concurrently" if switched_on(options(stmt.get("params")), "concurrently") else "reindex"
    if name == "CreateFunctionStmt":
        return "create procedure" if stmt.get("is_procedure") else "create function"
    if name == "CreateTableAsStmt":
        return "create materialized view" if stmt.get("objtype") == "OBJECT_MATVIEW" else "create table"
    if name == "VacuumStmt":
        return "vacuum" if stmt.get("is_vacuumcmd") else "analyze"
    if name == "GrantStmt":
        return "grant" if stmt.get("is_grant") else "revoke"
    if name == "SelectStmt":
        return "values" if "valuesLists" in stmt else "select"
    if name == "DropStmt":
        return f"drop {_object_kind(stmt.get('removeType'))}" + (" concurrently" if stmt.get("concurrent") else "")
    if name == "DefineStmt":
        return f"create {_object_kind(stmt.get('kind'))}"
    if name == "AlterTableStmt":
        detached = _detaches_concurrently(stmt)
        return "alter table detach partition concurrently" if detached else f"alter {_object_kind(stmt.get('objtype'))}"
    if name == "RenameStmt":
        changed = stmt.get(
            "relationType" if stmt.get("renameType") in {"OBJECT_COLUMN", "OBJECT_ATTRIBUTE"} else "renameType"
        )
        return f"alter {_object_kind(changed)}"
    if name in {"AlterObjectSchemaStmt", "AlterOwnerStmt", "AlterObjectDependsStmt"}:
        return f"alter {_object_kind(stmt.get('objectType'))}"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Stmt"))
    return words.lower()


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


def runs_in_transaction(node: object) -> bool:
    """Tell whether the statement may run inside a transaction block.

    Not readable from the text, and so taken as yes: reindex and cluster of a partitioned table, a procedure that commits.
    """
    name, stmt = opened(node)
    if name in _NEVER_IN_A_TRANSACTION:
        return False
    if name in {"IndexStmt", "DropStmt"}:
        return not stmt.get("concurrent")
    if name == "ReindexStmt":
        narrow = stmt.get("kind") in {"REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"}
        return narrow and not switched_on(options(stmt.get("params")), "concurrently")
    if name == "VacuumStmt":
        return not stmt.get("is_vacuumcmd")
    if name == "ClusterStmt":
        return "relation" in stmt
    if name == "AlterTableStmt":
        return not _detaches_concurrently(stmt)
    if name == "AlterDatabaseStmt":
        return "tablespace" not in options(stmt.get("options"))
    if name == "DiscardStmt":
        return stmt.get("target", "DISCARD_ALL") != "DISCARD_ALL"
    if name == "CreateSubscriptionStmt":
        given = options(stmt.get("options"))
        return not switched_on(given, "create_slot", default=switched_on(given, "connect", default=True))
    if name == "AlterSubscriptionStmt":
        return _alter_subscription_in_transaction(stmt)
    return True


def _alter_subscription_in_transaction(stmt: Fields) -> bool:
    given = options(stmt.get("options"))
    kind = text(stmt.get("kind"))
    if kind == "ALTER_SUBSCRIPTION_REFRESH":
        return False
    if kind.endswith("_PUBLICATION"):
        return not switched_on(given, "refresh", default=True)
    return not {"failover", "two_phase"} & set(given)


def is_opaque(node: object) -> bool:
    """Tell whether what the statement does cannot be read from it: a block, a call, a query of a function not known as harmless."""
    name, stmt = opened(node)
    if name in {"DoStmt", "CallStmt", "ExecuteStmt", "CreateExtensionStmt", "AlterExtensionStmt"}:
        return True
    if name == "ExplainStmt":
        return switched_on(options(stmt.get("options")), "analyze") and is_opaque(stmt.get("query"))
    return name == "SelectStmt" and any(not _CALLED_SAFELY.fullmatch(function) for function, _ in called(node))


def writes_rows(node: object) -> bool:
    """Tell whether the statement itself writes rows of tables: not what a called function or a trigger writes."""
    name, stmt = opened(node)
    if name in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt"}:
        return True
    if name == "CopyStmt":
        return bool(stmt.get("is_from")) or changes_data(stmt.get("query"))
    if name == "ExplainStmt":
        return switched_on(options(stmt.get("options")), "analyze") and writes_rows(stmt.get("query"))
    return name in {"SelectStmt", "CreateTableAsStmt"} and changes_data(stmt)


def changes_session(node: object) -> bool:
    """Tell whether the statement leaves a setting or a lock behind in the session, past its transaction."""
    name, stmt = opened(node)
    if name == "VariableSetStmt":
        return not stmt.get("is_local") and text(stmt.get("name")) not in {"TRANSACTION", "TRANSACTION SNAPSHOT"}
    if name in {"DiscardStmt", "PrepareStmt", "DeallocateStmt", "ListenStmt", "UnlistenStmt", "LoadStmt"}:
        return True
    return name in {"SelectStmt", "ExplainStmt"} and any(
        _SESSION_FUNCTIONS.fullmatch(function)
        or (function in {"set_config", "pg_catalog.set_config"} and not _is_true(arguments[2:]))
        for function, arguments in called(node)
    )


def _is_true(arguments: list[Fields]) -> bool:
    return any(fields(fields(content).get("boolval")).get("boolval") is True for _, content in map(opened, arguments))


def concurrent_index(node: object) -> ConcurrentIndex | None:
    """Return what a CONCURRENTLY statement on an index works on; None for any other statement."""
    name, stmt = opened(node)
    target = fields(stmt.get("relation"))
    schema, relname = text(target.get("schemaname")) or None, text(target.get("relname")) or None
    if name == "IndexStmt" and stmt.get("concurrent"):
        unique, guarded = bool(stmt.get("unique")), bool(stmt.get("if_not_exists"))
        return ConcurrentIndex("create", schema, text(stmt.get("idxname")) or None, relname, unique, guarded)
    if name == "DropStmt" and stmt.get("concurrent"):
        parts = strings(content_list(items(stmt.get("objects"))[0]))
        owner = parts[-2] if len(parts) > 1 else None
        return ConcurrentIndex("drop", owner, parts[-1], None, if_exists=bool(stmt.get("missing_ok")))
    if name == "ReindexStmt" and switched_on(options(stmt.get("params")), "concurrently"):
        if stmt.get("kind") == "REINDEX_OBJECT_INDEX":
            return ConcurrentIndex("reindex", schema, relname, None)
        if stmt.get("kind") == "REINDEX_OBJECT_TABLE":
            return ConcurrentIndex("reindex", schema, None, relname)
        return ConcurrentIndex("reindex", text(stmt.get("name")) or None, None, None)
    return None
