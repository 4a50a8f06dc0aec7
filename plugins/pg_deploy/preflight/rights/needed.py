"""The rights that one statement needs, as far as its text shows them. Opens no connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pg_deploy.grammar.enums import AlterTableType, ConstrType, GrantTargetType, ObjectType, RoleSpecType
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.syntax import name_parts, relations_calls_ctes
from pg_deploy.postgres.quoting import in_full
from pg_deploy.preflight.rights.kinds_of_rights import FUNCTIONS, ON_RELATION, RELATIONS, TYPES, Need, Right

RIGHT_TO_DROP = {ObjectType.OBJECT_POLICY: Right.POLICIES, ObjectType.OBJECT_TRIGGER: Right.DROP_TRIGGER}
_WRITES = {"InsertStmt": Right.INSERT, "UpdateStmt": Right.UPDATE, "DeleteStmt": Right.DELETE}


def needs_of_statement(node: Any) -> tuple[Need, ...]:
    """What the statement behind the tree `node` needs, each need once; nothing for a kind that is not known here. Pure."""
    read_needs = _NEEDS_BY_KIND.get(type(node).__name__)
    return tuple(dict.fromkeys(read_needs(node))) if read_needs else ()


def _alter_table(node: Any) -> Iterator[Need]:
    if node.objtype in RELATIONS:
        yield _need_on(Right.OWNER, node.relation)
        for command in node.cmds:
            yield from _alter_table_command(command)


def _rename(node: Any) -> Iterator[Need]:
    if node.renameType in FUNCTIONS:
        yield from _need_on_function(Right.FUNCTION_OWNER, node.object)
    elif node.relation is not None and node.renameType in RELATIONS | ON_RELATION | {ObjectType.OBJECT_COLUMN}:
        yield _need_on(Right.OWNER, node.relation)


def _set_schema(node: Any) -> Iterator[Need]:
    if node.objectType in FUNCTIONS:
        yield from _need_on_function(Right.FUNCTION_OWNER, node.object)
    elif node.relation is not None:
        yield _need_on(Right.OWNER, node.relation)
        if node.newschema:
            yield Need(Right.SCHEMA_CREATE, node.newschema, node.newschema)


def _change_owner(node: Any) -> Iterator[Need]:
    if node.objectType in FUNCTIONS:
        yield from _need_on_function(Right.FUNCTION_OWNER, node.object)
    yield from _membership(node.newowner)


def _create_table(node: Any) -> Iterator[Need]:
    yield from _create_relation(node.relation)
    for element in node.tableElts or () if node.relation.relpersistence != "t" else ():
        yield from _foreign_keys(element)
    for parent in node.inhRelations or ():
        yield _need_on(Right.OWNER, parent)


def _create_table_as(node: Any) -> Iterator[Need]:
    yield from _create_relation(node.into.rel)
    if not node.into.skipData and type(node.query).__name__ == "SelectStmt":
        yield from _query(node.query)


def _create_view(node: Any) -> Iterator[Need]:
    yield from _create_relation(node.view)
    if node.replace:
        yield _need_on(Right.REPLACED, node.view)


def _create_function(node: Any) -> Iterator[Need]:
    yield _need_to_create(name_parts(node.funcname))
    if node.replace:
        yield from _need_to_replace(node)


def _grant(node: Any) -> Iterator[Need]:
    if node.targtype == GrantTargetType.ACL_TARGET_OBJECT and node.objtype == ObjectType.OBJECT_TABLE:
        for each in node.objects:
            yield _need_on(Right.ANY, each)


def _default_privileges(node: Any) -> Iterator[Need]:
    for option in node.options or ():
        for role in option.arg if option.defname == "roles" else ():
            yield from _membership(role)


def _copy(node: Any) -> Iterator[Need]:
    if node.relation is not None:
        yield _need_on(Right.INSERT if node.is_from else Right.SELECT, node.relation)


def _alter_table_command(command: Any) -> Iterator[Need]:
    if command.subtype == AlterTableType.AT_ChangeOwner:
        yield from _membership(command.newowner)
        return
    definition = getattr(command, "def")
    if command.subtype in {AlterTableType.AT_AttachPartition, AlterTableType.AT_DetachPartition}:
        if type(definition).__name__ == "PartitionCmd" and definition.name is not None:
            yield _need_on(Right.OWNER, definition.name)
    else:
        yield from _foreign_keys(definition)


def _foreign_keys(element: Any) -> Iterator[Need]:
    for each in (element.constraints or ()) if type(element).__name__ == "ColumnDef" else (element,):
        if (
            type(each).__name__ == "Constraint"
            and each.contype == ConstrType.CONSTR_FOREIGN
            and each.pktable is not None
        ):
            yield _need_on(Right.REFERENCES, each.pktable)


def _drop_object(kind: ObjectType, named: Any) -> Iterator[Need]:
    parts = name_parts(named)
    if kind in RELATIONS and parts:
        yield Need(Right.OWNER_OR_SCHEMA, parts[-1], parts[-2] if len(parts) > 1 else None)
    elif kind in ON_RELATION and len(parts) > 1:
        yield need_to_drop_from_table(kind, named)
    elif kind in FUNCTIONS:
        yield from _need_on_function(Right.FUNCTION_OWNER_OR_SCHEMA, named)
    elif kind in TYPES and parts:
        yield _need_on_type(Right.TYPE_OWNER_OR_SCHEMA, parts)
    elif kind == ObjectType.OBJECT_SCHEMA and parts:
        yield Need(Right.SCHEMA_OWNER, parts[-1])


def need_to_drop_from_table(kind: ObjectType, named: Any) -> Need:
    """What is needed on the table to drop its policy, trigger, rule or constraint. Pure."""
    parts = name_parts(named)
    return Need(RIGHT_TO_DROP.get(kind, Right.OWNER), parts[-2], parts[-3] if len(parts) > 2 else None)


def _reindex(node: Any) -> Iterator[Need]:
    if node.relation is not None:
        yield _need_on(Right.OWNER_OR_MAINTAIN, node.relation)


def _need_on_type(right: Right, parts: Sequence[str]) -> Need:
    return Need(right, parts[-1], parts[-2] if len(parts) > 1 else None)


def _comment(kind: ObjectType, named: Any) -> Iterator[Need]:
    parts = name_parts(named)
    if kind in RELATIONS and parts:
        yield Need(Right.OWNER, parts[-1], parts[-2] if len(parts) > 1 else None)
    elif (kind in ON_RELATION or kind == ObjectType.OBJECT_COLUMN) and len(parts) > 1:
        yield Need(Right.OWNER, parts[-2], parts[-3] if len(parts) > 2 else None)
    elif kind in FUNCTIONS:
        yield from _need_on_function(Right.FUNCTION_OWNER, named)


def _set_parameter_or_role(node: Any) -> Iterator[Need]:
    if node.name == "role":
        for argument in node.args or ():
            value = getattr(getattr(argument, "val", None), "sval", "none")
            if value != "none":
                yield Need(Right.MEMBER, value)
    elif node.name and node.args:
        yield Need(Right.SET_PARAMETER, node.name)


def _membership(role: Any) -> Iterator[Need]:
    if role is not None and role.roletype == RoleSpecType.ROLESPEC_CSTRING:
        yield Need(Right.MEMBER, role.rolename)


def _create_relation(relation: Any) -> Iterator[Need]:
    if relation is not None and relation.relpersistence != "t":
        yield Need(Right.SCHEMA_CREATE, relation.schemaname or "", relation.schemaname)


def _need_to_create(parts: Sequence[str]) -> Need:
    schema = parts[-2] if len(parts) > 1 else None
    return Need(Right.SCHEMA_CREATE, schema or "", schema)


def _need_on(right: Right, relation: Any) -> Need:
    return Need(right, relation.relname, relation.schemaname)


def _need_on_function(right: Right, named: Any) -> Iterator[Need]:
    if type(named).__name__ == "ObjectWithArgs" and not named.args_unspecified:
        parts = name_parts(named)
        yield _need_on_signature(right, parts, named.objargs or ())


def _need_to_replace(node: Any) -> Iterator[Need]:
    # OUT and TABLE are no part of a function's signature.
    types = [
        each.argType for each in node.parameters or () if each.mode.name not in {"FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"}
    ]
    yield _need_on_signature(Right.FUNCTION_REPLACED, name_parts(node.funcname), types)


def _need_on_signature(right: Right, parts: Sequence[str], types: Iterable[Any]) -> Need:
    return Need(
        right,
        f"{in_full(*parts)}({', '.join(printed(each) for each in types)})",
        parts[-2] if len(parts) > 1 else None,
    )


def _query(node: Any) -> Iterator[Need]:
    """What a query or a write of rows needs: a right on its target, SELECT on what it reads, EXECUTE on what it calls."""
    relations, calls, ctes = relations_calls_ctes(node)
    targets = dict(_find_targets(node))
    for each in relations:
        if each.schemaname is not None or each.relname not in ctes:
            yield _need_on(targets.get(id(each), Right.SELECT), each)
    for call in calls:
        parts = name_parts(call.funcname)
        if len(parts) > 1:
            yield Need(Right.CALL, parts[-1], parts[-2])


def _find_targets(node: Any) -> Iterator[tuple[int, Right]]:
    """The relations that a statement and its CTEs write to, by the identity of their nodes, with the right for that."""
    right = _WRITES.get(type(node).__name__)
    if right is not None:
        yield id(node.relation), right
    clause = getattr(node, "withClause", None)
    for each in clause.ctes if clause is not None else ():
        yield from _find_targets(each.ctequery)


def _reserved_roles(right: Right, roles: Iterable[Any]) -> Iterator[Need]:
    """A need for each role that is named. ALL and CURRENT_USER name none."""
    for role in roles:
        if role is not None and role.roletype == RoleSpecType.ROLESPEC_CSTRING:
            yield Need(right, role.rolename)


def _single(need: Callable[[Any], Need]) -> Callable[[Any], Iterator[Need]]:
    return lambda node: iter((need(node),))


_NEEDS_BY_KIND: dict[str, Callable[[Any], Iterator[Need]]] = {
    "AlterTableStmt": _alter_table,
    "IndexStmt": _single(lambda node: _need_on(Right.OWNER, node.relation)),
    "AlterPolicyStmt": _single(lambda node: _need_on(Right.POLICIES, node.table)),
    "CreatePolicyStmt": _single(lambda node: _need_on(Right.POLICIES, node.table)),
    "CreateTrigStmt": _single(lambda node: _need_on(Right.TRIGGER, node.relation)),
    "RuleStmt": _single(lambda node: _need_on(Right.OWNER, node.relation)),
    "RefreshMatViewStmt": _single(lambda node: _need_on(Right.OWNER_OR_MAINTAIN, node.relation)),
    # A policy or trigger that DROP … IF EXISTS names may not exist, and then nothing is needed.
    "DropStmt": lambda node: (
        need
        for each in node.objects
        if not (node.missing_ok and node.removeType in ON_RELATION)
        for need in _drop_object(node.removeType, each)
    ),
    "CommentStmt": lambda node: _comment(node.objtype, node.object),
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "AlterOwnerStmt": _change_owner,
    "AlterSeqStmt": _single(lambda node: _need_on(Right.OWNER, node.sequence)),
    "AlterEnumStmt": _single(lambda node: _need_on_type(Right.TYPE_OWNER, name_parts(node.typeName))),
    "AlterDomainStmt": _single(lambda node: _need_on_type(Right.TYPE_OWNER, name_parts(node.typeName))),
    "ReindexStmt": _reindex,
    "CreateStatsStmt": lambda node: (_need_on(Right.OWNER, each) for each in node.relations if name_parts(each)),
    "AlterFunctionStmt": lambda node: _need_on_function(Right.FUNCTION_OWNER, node.func),
    "CreateStmt": _create_table,
    "CreateTableAsStmt": _create_table_as,
    "ViewStmt": _create_view,
    "CreateSeqStmt": lambda node: _create_relation(node.sequence),
    "CompositeTypeStmt": lambda node: _create_relation(node.typevar),
    "CreateEnumStmt": _single(lambda node: _need_to_create(name_parts(node.typeName))),
    "CreateRangeStmt": _single(lambda node: _need_to_create(name_parts(node.typeName))),
    "CreateDomainStmt": _single(lambda node: _need_to_create(name_parts(node.domainname))),
    "CreateFunctionStmt": _create_function,
    "CreateSchemaStmt": _single(lambda node: Need(Right.DATABASE_CREATE, node.schemaname or "")),
    "CreateExtensionStmt": _single(lambda node: Need(Right.EXTENSION, node.extname)),
    "CreateEventTrigStmt": _single(lambda node: Need(Right.SUPERUSER, f"event trigger {node.trigname}")),
    "AlterSystemStmt": _single(lambda node: Need(Right.ALTER_SYSTEM, node.setstmt.name or "all")),
    "VariableSetStmt": _set_parameter_or_role,
    "AlterDatabaseSetStmt": _single(lambda node: Need(Right.DATABASE_OWNER, node.dbname)),
    "AlterDefaultPrivilegesStmt": _default_privileges,
    "CreateRoleStmt": lambda node: iter((Need(Right.CREATEROLE, node.role), Need(Right.RESERVED_ROLE, node.role))),
    "AlterRoleStmt": lambda node: _reserved_roles(Right.RESERVED_ROLE, [node.role]),
    "AlterRoleSetStmt": lambda node: _reserved_roles(Right.RESERVED_SETTINGS, [node.role]),
    "DropRoleStmt": lambda node: _reserved_roles(Right.RESERVED_ROLE, node.roles),
    "GrantRoleStmt": lambda node: (
        Need(Right.RESERVED_MEMBERSHIP, each.priv_name) for each in node.granted_roles if node.is_grant
    ),
    "GrantStmt": _grant,
    "TruncateStmt": lambda node: (_need_on(Right.TRUNCATE, each) for each in node.relations),
    "CopyStmt": _copy,
    "SelectStmt": _query,
    "InsertStmt": _query,
    "UpdateStmt": _query,
    "DeleteStmt": _query,
    "CallStmt": _query,
}
