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
from pg_deploy.preflight.rights.needed import needs_of_statement

_SET_ROLE = frozenset({"role", "session_authorization"})
_NAMED_BY_SEARCH_PATH = RELATION_RIGHTS | FUNCTION_RIGHTS | TYPE_RIGHTS | {Right.SCHEMA_CREATE}


def needs_of_statements(statements: Sequence[SqlStatement]) -> Iterator[tuple[SqlStatement, Need]]:
    """The needs of `statements`, in order, that no earlier statement puts in doubt. Never raises."""
    doubt = _Doubt()
    for statement in statements:
        for node in trees_of(statement.sql):
            doubt.enter_file(statement.file)
            if not doubt.is_other_role:
                for need in needs_of_statement(node):
                    if doubt.is_certain(need):
                        yield statement, need
            doubt.learn(node)


class _Doubt:
    """What the statements so far have made uncertain."""

    def __init__(self) -> None:
        self.file = ""
        self.role_set = False
        self.path_set = False
        self.memberships_changed = False
        self.changed: set[str] = set()

    @property
    def is_other_role(self) -> bool:
        """Whether the next statement may run as another role, or with the rights of more roles, than the one that is asked about."""
        return self.role_set or self.memberships_changed

    def enter_file(self, file: str) -> None:
        """What SET changed ends with the file."""
        if file != self.file:
            self.file, self.role_set, self.path_set = file, False, False

    def is_certain(self, need: Need) -> bool:
        """Whether the catalog as it is now answers for this need."""
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
            self.memberships_changed = True
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
