"""The rights that a whole set of statements needs, in order, without those that an earlier statement puts in doubt.

A need is in doubt after SET ROLE, for an unqualified name after SET search_path, and for an object that an earlier statement
dropped, renamed, granted or gave away. Such a need is not listed: a false refusal is worse than a late error. Opens no
connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pg_deploy.grammar.enums import AlterTableType
from pg_deploy.parsing.syntax import SqlStatement, name_parts, relations_calls_ctes, trees_of
from pg_deploy.preflight.rights.kinds_of_rights import (
    FUNCTION_RIGHTS,
    FUNCTIONS,
    ON_RELATION,
    RELATION_RIGHTS,
    RELATIONS,
    TYPE_RIGHTS,
    Need,
    Right,
)
from pg_deploy.preflight.rights.needed import needs

_SET_ROLE = frozenset({"role", "session_authorization"})
_NAMED_BY_SEARCH_PATH = RELATION_RIGHTS | FUNCTION_RIGHTS | TYPE_RIGHTS | {Right.SCHEMA_CREATE}


def needs_of(statements: Sequence[SqlStatement]) -> Iterator[tuple[SqlStatement, Need]]:
    """The needs of `statements`, in order, that no earlier statement puts in doubt. Never raises."""
    doubt = _Doubt()
    for statement in statements:
        for node in trees_of(statement.sql):
            if doubt.begin(statement.file):
                for need in dict.fromkeys(needs(node)):
                    if doubt.allows(need):
                        yield statement, need
            doubt.learn(node)


class _Doubt:
    """What the statements so far have made uncertain."""

    def __init__(self) -> None:
        self.file = ""
        self.role_set = False
        self.path_set = False
        self.roles_changed = False
        self.changed: set[str] = set()

    def begin(self, file: str) -> bool:
        if file != self.file:
            self.file, self.role_set, self.path_set = file, False, False
        return not (self.role_set or self.roles_changed)

    def allows(self, need: Need) -> bool:
        if need.schema is None and self.path_set and need.right in _NAMED_BY_SEARCH_PATH:
            return False
        bare = need.name.split("(", 1)[0].rsplit(".", 1)[-1]
        return not {bare, need.name, need.schema} & self.changed

    def learn(self, node: Any) -> None:
        """Note what `node` makes uncertain for the statements after it."""
        kind = type(node).__name__
        if kind == "VariableSetStmt":
            self.role_set |= node.name in _SET_ROLE
            self.path_set |= node.name == "search_path"
        elif kind == "SelectStmt":
            self.path_set |= any(
                name_parts(call.funcname)[-1:] == ("set_config",) for call in relations_calls_ctes(node)[1]
            )
        elif kind in {"GrantRoleStmt", "ReassignOwnedStmt"}:
            self.roles_changed = True
        else:
            self.changed |= set(_changed(kind, node))


def _changed(kind: str, node: Any) -> Iterator[str]:
    """The bare names of the objects that a statement drops, renames, grants, gives away or makes anew."""
    match kind:
        case "DropStmt" if node.removeType not in ON_RELATION:
            for each in node.objects:
                yield from name_parts(each)[-1:]
        case "GrantStmt":
            for each in node.objects or ():
                yield from name_parts(each)[-1:]
        case "RenameStmt" if node.renameType in RELATIONS | FUNCTIONS:
            yield from name_parts(node.relation or node.object)[-1:]
        case "AlterObjectSchemaStmt":
            yield from name_parts(node.relation or node.object)[-1:]
        case "AlterOwnerStmt":
            yield from name_parts(node.object)[-1:]
        case "AlterTableStmt" if any(each.subtype == AlterTableType.AT_ChangeOwner for each in node.cmds):
            yield node.relation.relname
        case "CreateStmt" if not node.if_not_exists:
            yield node.relation.relname
