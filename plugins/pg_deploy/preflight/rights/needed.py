"""The rights that one statement needs, as far as its text shows them. Opens no connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pg_deploy.grammar.enums import AlterTableType, ConstrType, GrantTargetType, ObjectType, RoleSpecType
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.syntax import name_parts, relations_calls_ctes
from pg_deploy.postgres.quoting import in_full
from pg_deploy.preflight.rights.kinds_of_rights import FUNCTIONS, ON_RELATION, RELATIONS, TYPES, Need, Right

DROPPED_FROM = {ObjectType.OBJECT_POLICY: Right.POLICIES, ObjectType.OBJECT_TRIGGER: Right.DROP_TRIGGER}
_WRITES = {"InsertStmt": Right.INSERT, "UpdateStmt": Right.UPDATE, "DeleteStmt": Right.DELETE}


def needs(node: Any) -> tuple[Need, ...]:
    """What the statement `node` needs, each need once; nothing for a kind of statement that is not known here. Pure."""
    reader = _READERS.get(type(node).__name__)
    return tuple(dict.fromkeys(reader(node))) if reader else ()


def _alter(node: Any) -> Iterator[Need]:
    if node.objtype in RELATIONS:
        yield _on(Right.OWNER, node.relation)
        for command in node.cmds:
            yield from _alter_table(command)


def _rename(node: Any) -> Iterator[Need]:
    if node.renameType in FUNCTIONS:
        yield from _function(Right.FUNCTION_OWNER, node.object)
    elif node.relation is not None and node.renameType in RELATIONS | ON_RELATION | {ObjectType.OBJECT_COLUMN}:
        yield _on(Right.OWNER, node.relation)


def _set_schema(node: Any) -> Iterator[Need]:
    if node.objectType in FUNCTIONS:
        yield from _function(Right.FUNCTION_OWNER, node.object)
    elif node.relation is not None:
        yield _on(Right.OWNER, node.relation)
        if node.newschema:
            yield Need(Right.SCHEMA_CREATE, node.newschema, node.newschema)


def _change_owner(node: Any) -> Iterator[Need]:
    if node.objectType in FUNCTIONS:
        yield from _function(Right.FUNCTION_OWNER, node.object)
    yield from _member(node.newowner)


def _create_table(node: Any) -> Iterator[Need]:
    yield from _created(node.relation)
    for element in node.tableElts or () if node.relation.relpersistence != "t" else ():
        yield from _foreign_keys(element)
    for parent in node.inhRelations or ():
        yield _on(Right.OWNER, parent)


def _create_table_as(node: Any) -> Iterator[Need]:
    yield from _created(node.into.rel)
    if not node.into.skipData and type(node.query).__name__ == "SelectStmt":
        yield from _reads(node.query)


def _create_view(node: Any) -> Iterator[Need]:
    yield from _created(node.view)
    if node.replace:
        yield _on(Right.REPLACED, node.view)


def _create_function(node: Any) -> Iterator[Need]:
    yield _in_schema(name_parts(node.funcname))
    if node.replace:
        yield from _replaced_function(node)


def _grant(node: Any) -> Iterator[Need]:
    if node.targtype == GrantTargetType.ACL_TARGET_OBJECT and node.objtype == ObjectType.OBJECT_TABLE:
        for each in node.objects:
            yield _on(Right.ANY, each)


def _default_privileges(node: Any) -> Iterator[Need]:
    for option in node.options or ():
        for role in option.arg if option.defname == "roles" else ():
            yield from _member(role)


def _copy(node: Any) -> Iterator[Need]:
    if node.relation is not None:
        yield _on(Right.INSERT if node.is_from else Right.SELECT, node.relation)


def _alter_table(command: Any) -> Iterator[Need]:
    if command.subtype == AlterTableType.AT_ChangeOwner:
        yield from _member(command.newowner)
    elif command.subtype in {AlterTableType.AT_AttachPartition, AlterTableType.AT_DetachPartition}:
        if type(getattr(command, "def")).__name__ == "PartitionCmd" and getattr(command, "def").name is not None:
            yield _on(Right.OWNER, getattr(command, "def").name)
    else:
        yield from _foreign_keys(getattr(command, "def"))


def _foreign_keys(element: Any) -> Iterator[Need]:
    constraints = (element,) if type(element).__name__ == "Constraint" else ()
    if type(element).__name__ == "ColumnDef":
        constraints = element.constraints or ()
    for each in constraints:
        if (
            type(each).__name__ == "Constraint"
            and each.contype == ConstrType.CONSTR_FOREIGN
            and each.pktable is not None
        ):
            yield _on(Right.REFERENCES, each.pktable)


def _drop(kind: ObjectType, named: Any) -> Iterator[Need]:
    parts = name_parts(named)
    if kind in RELATIONS and parts:
        yield Need(Right.OWNER_OR_SCHEMA, parts[-1], parts[-2] if len(parts) > 1 else None)
    elif kind in ON_RELATION and len(parts) > 1:
        yield on_its_table(kind, named)
    elif kind in FUNCTIONS:
        yield from _function(Right.FUNCTION_OWNER_OR_SCHEMA, named)
    elif kind in TYPES and parts:
        yield _type(Right.TYPE_OWNER_OR_SCHEMA, parts)
    elif kind == ObjectType.OBJECT_SCHEMA and parts:
        yield Need(Right.SCHEMA_OWNER, parts[-1])


def on_its_table(kind: ObjectType, named: Any) -> Need:
    """What is needed on the table to drop its policy, trigger, rule or constraint. Pure."""
    parts = name_parts(named)
    return Need(DROPPED_FROM.get(kind, Right.OWNER), parts[-2], parts[-3] if len(parts) > 2 else None)


def _on_a_table(node: Any) -> Iterator[Need]:
    if node.relation is not None:
        yield _on(Right.OWNER_OR_MAINTAIN, node.relation)


def _type(right: Right, parts: Sequence[str]) -> Need:
    return Need(right, parts[-1], parts[-2] if len(parts) > 1 else None)


def _comment(kind: ObjectType, named: Any) -> Iterator[Need]:
    parts = name_parts(named)
    if kind in RELATIONS and parts:
        yield Need(Right.OWNER, parts[-1], parts[-2] if len(parts) > 1 else None)
    elif (kind in ON_RELATION or kind == ObjectType.OBJECT_COLUMN) and len(parts) > 1:
        yield Need(Right.OWNER, parts[-2], parts[-3] if len(parts) > 2 else None)
    elif kind in FUNCTIONS:
        yield from _function(Right.FUNCTION_OWNER, named)


def _set(node: Any) -> Iterator[Need]:
    if node.name == "role":
        for argument in node.args or ():
            value = getattr(getattr(argument, "val", None), "sval", "none")
            if value != "none":
                yield Need(Right.MEMBER, value)
    elif node.name and node.args:
        yield Need(Right.SET_PARAMETER, node.name)


def _member(role: Any) -> Iterator[Need]:
    if role is not None and role.roletype == RoleSpecType.ROLESPEC_CSTRING:
        yield Need(Right.MEMBER, role.rolename)


def _created(relation: Any) -> Iterator[Need]:
    if relation is not None and relation.relpersistence != "t":
        yield Need(Right.SCHEMA_CREATE, relation.schemaname or "", relation.schemaname)


def _in_schema(parts: Sequence[str]) -> Need:
    schema = parts[-2] if len(parts) > 1 else None
    return Need(Right.SCHEMA_CREATE, schema or "", schema)


def _on(right: Right, relation: Any) -> Need:
    return Need(right, relation.relname, relation.schemaname)


def _function(right: Right, named: Any) -> Iterator[Need]:
    if type(named).__name__ == "ObjectWithArgs" and not named.args_unspecified:
        parts = name_parts(named)
        yield _signature(right, parts, named.objargs or ())


def _replaced_function(node: Any) -> Iterator[Need]:
    # The arguments that identify a function: all but OUT and TABLE.
    given = [
        each.argType for each in node.parameters or () if each.mode.name not in {"FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"}
    ]
    yield _signature(Right.FUNCTION_REPLACED, name_parts(node.funcname), given)


def _signature(right: Right, parts: Sequence[str], types: Iterable[Any]) -> Need:
    return Need(
        right,
        f"{in_full(*parts)}({', '.join(printed(each) for each in types)})",
        parts[-2] if len(parts) > 1 else None,
    )


def _reads(node: Any) -> Iterator[Need]:
    """What a query or a write of rows needs: a right on its target, SELECT on what it reads, EXECUTE on what it calls."""
    relations, calls, ctes = relations_calls_ctes(node)
    targets: dict[int, Right] = {}
    _targets(node, targets)
    for each in relations:
        if each.schemaname is not None or each.relname not in ctes:
            yield _on(targets.get(id(each), Right.SELECT), each)
    for call in calls:
        parts = name_parts(call.funcname)
        if len(parts) > 1:
            yield Need(Right.CALL, parts[-1], parts[-2])


def _targets(node: Any, targets: dict[int, Right]) -> None:
    right = _WRITES.get(type(node).__name__)
    if right is not None:
        targets[id(node.relation)] = right
    clause = getattr(node, "withClause", None)
    for each in clause.ctes if clause is not None else ():
        _targets(each.ctequery, targets)


def _reserved(right: Right, roles: Iterable[Any]) -> Iterator[Need]:
    """A need for each role that is named. ALL and CURRENT_USER name none."""
    for role in roles:
        if role is not None and role.roletype == RoleSpecType.ROLESPEC_CSTRING:
            yield Need(right, role.rolename)


def _one(need: Callable[[Any], Need]) -> Callable[[Any], Iterator[Need]]:
    return lambda node: iter((need(node),))


_READERS: dict[str, Callable[[Any], Iterator[Need]]] = {
    "AlterTableStmt": _alter,
    "IndexStmt": _one(lambda node: _on(Right.OWNER, node.relation)),
    "AlterPolicyStmt": _one(lambda node: _on(Right.POLICIES, node.table)),
    "CreatePolicyStmt": _one(lambda node: _on(Right.POLICIES, node.table)),
    "CreateTrigStmt": _one(lambda node: _on(Right.TRIGGER, node.relation)),
    "RuleStmt": _one(lambda node: _on(Right.OWNER, node.relation)),
    "RefreshMatViewStmt": _one(lambda node: _on(Right.OWNER_OR_MAINTAIN, node.relation)),
    # A policy or trigger that DROP … IF EXISTS names may not exist, and then nothing is needed.
    "DropStmt": lambda node: (
        need
        for each in node.objects
        if not (node.missing_ok and node.removeType in ON_RELATION)
        for need in _drop(node.removeType, each)
    ),
    "CommentStmt": lambda node: _comment(node.objtype, node.object),
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "AlterOwnerStmt": _change_owner,
    "AlterSeqStmt": _one(lambda node: _on(Right.OWNER, node.sequence)),
    "AlterEnumStmt": _one(lambda node: _type(Right.TYPE_OWNER, name_parts(node.typeName))),
    "AlterDomainStmt": _one(lambda node: _type(Right.TYPE_OWNER, name_parts(node.typeName))),
    "ReindexStmt": _on_a_table,
    "CreateStatsStmt": lambda node: (_on(Right.OWNER, each) for each in node.relations if name_parts(each)),
    "AlterFunctionStmt": lambda node: _function(Right.FUNCTION_OWNER, node.func),
    "CreateStmt": _create_table,
    "CreateTableAsStmt": _create_table_as,
    "ViewStmt": _create_view,
    "CreateSeqStmt": lambda node: _created(node.sequence),
    "CompositeTypeStmt": lambda node: _created(node.typevar),
    "CreateEnumStmt": _one(lambda node: _in_schema(name_parts(node.typeName))),
    "CreateRangeStmt": _one(lambda node: _in_schema(name_parts(node.typeName))),
    "CreateDomainStmt": _one(lambda node: _in_schema(name_parts(node.domainname))),
    "CreateFunctionStmt": _create_function,
    "CreateSchemaStmt": _one(lambda node: Need(Right.DATABASE_CREATE, node.schemaname or "")),
    "CreateExtensionStmt": _one(lambda node: Need(Right.EXTENSION, node.extname)),
    "CreateEventTrigStmt": _one(lambda node: Need(Right.SUPERUSER, f"event trigger {node.trigname}")),
    "AlterSystemStmt": _one(lambda node: Need(Right.ALTER_SYSTEM, node.setstmt.name or "all")),
    "VariableSetStmt": _set,
    "AlterDatabaseSetStmt": _one(lambda node: Need(Right.DATABASE_OWNER, node.dbname)),
    "AlterDefaultPrivilegesStmt": _default_privileges,
    "CreateRoleStmt": lambda node: iter((Need(Right.CREATEROLE, node.role), Need(Right.RESERVED_ROLE, node.role))),
    "AlterRoleStmt": lambda node: _reserved(Right.RESERVED_ROLE, [node.role]),
    "AlterRoleSetStmt": lambda node: _reserved(Right.RESERVED_SETTINGS, [node.role]),
    "DropRoleStmt": lambda node: _reserved(Right.RESERVED_ROLE, node.roles),
    "GrantRoleStmt": lambda node: (
        Need(Right.RESERVED_MEMBERSHIP, each.priv_name) for each in node.granted_roles if node.is_grant
    ),
    "GrantStmt": _grant,
    "TruncateStmt": lambda node: (_on(Right.TRUNCATE, each) for each in node.relations),
    "CopyStmt": _copy,
    "SelectStmt": _reads,
    "InsertStmt": _reads,
    "UpdateStmt": _reads,
    "DeleteStmt": _reads,
    "CallStmt": _reads,
}
