"""The objects that a statement creates and drops, read from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.parsing.kinds import ObjectName, kind_of
from pg_deploy.parsing.tree import Fields, fields, items, list_items, quoted, relation, strings, text, type_and_fields

_NAMED = {
    "CreatePolicyStmt": ("policy", "policy_name"),
    "CreateTrigStmt": ("trigger", "trigname"),
    "RuleStmt": ("rule", "rulename"),
    "CreateExtensionStmt": ("extension", "extname"),
    "CreateSchemaStmt": ("schema", "schemaname"),
    "CreateRoleStmt": ("role", "role"),
    "CreatedbStmt": ("database", "dbname"),
    "CreatePublicationStmt": ("publication", "pubname"),
    "CreateSubscriptionStmt": ("subscription", "subname"),
    "CreateEventTrigStmt": ("event trigger", "trigname"),
    "CreateForeignServerStmt": ("server", "servername"),
    "CreateFdwStmt": ("foreign data wrapper", "fdwname"),
    "CreateTableSpaceStmt": ("tablespace", "tablespacename"),
    "CreatePLangStmt": ("language", "plname"),
    "CreateAmStmt": ("access method", "amname"),
    "DropdbStmt": ("database", "dbname"),
    "DropSubscriptionStmt": ("subscription", "subname"),
    "DropTableSpaceStmt": ("tablespace", "tablespacename"),
}
_PARTS = {
    "CreateEnumStmt": ("type", "typeName"),
    "CreateRangeStmt": ("type", "typeName"),
    "CreateDomainStmt": ("domain", "domainname"),
    "CreateStatsStmt": ("statistics", "defnames"),
    "CreateConversionStmt": ("conversion", "conversion_name"),
}
_RELATION_FIELDS = {
    "CreateStmt": ("table", "relation"),
    "ViewStmt": ("view", "view"),
    "CreateSeqStmt": ("sequence", "sequence"),
    "CompositeTypeStmt": ("type", "typevar"),
}
_ON_A_TABLE = ("policy", "trigger", "rule")
_SUBCOMMANDS = {
    "AT_DropColumn": "column",
    "AT_DropConstraint": "constraint",
}


def created_objects(node: object) -> tuple[ObjectName, ...]:
    """Return the objects that the statement creates or replaces; for `alter table`, its new columns and named constraints."""
    return tuple(_created(*type_and_fields(node)))


def dropped_objects(node: object) -> tuple[ObjectName, ...]:
    """Return the objects that the statement drops by name. What a cascade reaches cannot be read from its text."""
    return tuple(_dropped(*type_and_fields(node)))


def _created(name: str, stmt: Fields) -> Iterator[ObjectName]:
    on = relation(stmt.get("relation") or stmt.get("table")) or None
    if name in _NAMED and name.startswith(("Create", "Rule")):
        kind, field = _NAMED[name]
        if text(stmt.get(field)):
            yield ObjectName(kind, quoted(text(stmt[field])), on if kind in _ON_A_TABLE else None)
        for element in items(stmt.get("schemaElts")):
            yield from _created(*type_and_fields(element))
    elif name in _PARTS:
        kind, field = _PARTS[name]
        if strings(stmt.get(field)):
            yield ObjectName(kind, quoted(*strings(stmt[field])))
    elif name in _RELATION_FIELDS:
        kind, field = _RELATION_FIELDS[name]
        yield ObjectName(kind, relation(stmt.get(field)))
    elif name == "CreateForeignTableStmt":
        yield ObjectName("foreign table", relation(fields(stmt.get("base")).get("relation")))
    elif into := stmt.get("into") or stmt.get("intoClause"):
        kind = "materialized view" if stmt.get("objtype") == "OBJECT_MATVIEW" else "table"
        yield ObjectName(kind, relation(fields(into).get("rel")))
    elif name == "IndexStmt" and stmt.get("idxname"):
        schema = text(fields(stmt.get("relation")).get("schemaname"))
        yield ObjectName("index", quoted(schema, text(stmt["idxname"])), on)
    elif name == "CreateFunctionStmt":
        yield ObjectName("procedure" if stmt.get("is_procedure") else "function", _function(stmt))
    elif name == "DefineStmt":
        yield ObjectName(kind_of({name: stmt}).removeprefix("create "), quoted(*strings(stmt.get("defnames"))))
    elif name == "AlterTableStmt":
        yield from _added(stmt)


def _added(stmt: Fields) -> Iterator[ObjectName]:
    on = relation(stmt.get("relation"))
    for node in items(stmt.get("cmds")):
        command = fields(node.get("AlterTableCmd"))
        kind, content = type_and_fields(command.get("def"))
        if command.get("subtype") == "AT_AddColumn":
            yield ObjectName("column", quoted(text(content.get("colname"))), on)
        elif command.get("subtype") == "AT_AddConstraint" and kind == "Constraint" and content.get("conname"):
            yield ObjectName("constraint", quoted(text(content["conname"])), on)


def _function(stmt: Fields) -> str:
    """The name with the types of its input arguments."""
    parameters = [fields(node.get("FunctionParameter")) for node in items(stmt.get("parameters"))]
    inputs = [p for p in parameters if p.get("mode") not in {"FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"}]
    return quoted(*strings(stmt.get("funcname"))) + "(" + ",".join(_type(p.get("argType")) for p in inputs) + ")"


def _type(type_name: object) -> str:
    content = fields(type_name)
    return quoted(*strings(content.get("names"))) + "[]" * len(items(content.get("arrayBounds")))


def _dropped(name: str, stmt: Fields) -> Iterator[ObjectName]:
    if name == "DropStmt":
        kind = kind_of({name: stmt}).removeprefix("drop ").removesuffix(" concurrently")
        for node in items(stmt.get("objects")):
            yield _dropped_object(kind, node)
    elif name in _NAMED and name.startswith("Drop"):
        kind, field = _NAMED[name]
        yield ObjectName(kind, quoted(text(stmt.get(field))))
    elif name == "DropRoleStmt":
        for node in items(stmt.get("roles")):
            yield ObjectName("role", quoted(text(fields(node.get("RoleSpec")).get("rolename"))))
    elif name == "AlterTableStmt":
        on = relation(stmt.get("relation"))
        for node in items(stmt.get("cmds")):
            command = fields(node.get("AlterTableCmd"))
            if dropped := _SUBCOMMANDS.get(text(command.get("subtype"))):
                yield ObjectName(dropped, quoted(text(command.get("name"))), on)


def _dropped_object(kind: str, node: Fields) -> ObjectName:
    shape, content = type_and_fields(node)
    if shape == "String":
        return ObjectName(kind, quoted(text(content.get("sval"))))
    if shape == "TypeName":
        return ObjectName(kind, _type(content))
    if shape == "ObjectWithArgs":
        name = quoted(*strings(content.get("objname")))
        if content.get("args_unspecified"):
            return ObjectName(kind, name)
        types = [_type(argument.get("TypeName")) for argument in items(content.get("objargs"))]
        return ObjectName(kind, name + "(" + ",".join(types) + ")")
    parts = strings(list_items(node))
    if kind in _ON_A_TABLE:
        return ObjectName(kind, quoted(parts[-1]), quoted(*parts[:-1]))
    return ObjectName(kind, quoted(*parts))
