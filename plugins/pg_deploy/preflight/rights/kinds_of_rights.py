"""The rights that can be missing, and the kinds of objects they are on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pg_deploy.grammar.enums import ObjectType


class Right(Enum):
    """A right that can be missing. The value names it in messages."""

    OWNER = "ownership"
    POLICIES = "ownership (or the provider's leave to make policies)"
    DROP_TRIGGER = "ownership (or the provider's leave to drop triggers)"
    OWNER_OR_SCHEMA = "ownership of it or of its schema"
    OWNER_OR_MAINTAIN = "ownership or MAINTAIN"
    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"
    REFERENCES = "REFERENCES"
    TRIGGER = "TRIGGER"
    ANY = "any right that could be granted"
    REPLACED = "ownership of what is replaced"
    SCHEMA_CREATE = "CREATE on the schema"
    SCHEMA_OWNER = "ownership of the schema"
    FUNCTION_OWNER = "ownership of the function"
    FUNCTION_OWNER_OR_SCHEMA = "ownership of the function or of its schema"
    FUNCTION_REPLACED = "ownership of the function that is replaced"
    TYPE_OWNER = "ownership of the type"
    TYPE_OWNER_OR_SCHEMA = "ownership of the type or of its schema"
    CALL = "EXECUTE"
    DATABASE_CREATE = "CREATE on the database"
    DATABASE_OWNER = "ownership of the database"
    EXTENSION = "the right to create the extension"
    SET_PARAMETER = "the right to set the parameter"
    ALTER_SYSTEM = "the right to change the parameter for the server"
    MEMBER = "membership of the role"
    CREATEROLE = "CREATEROLE"
    SUPERUSER = "superuser"
    RESERVED_ROLE = "the provider's leave to change the role"
    RESERVED_SETTINGS = "the provider's leave to change the role's settings"
    RESERVED_MEMBERSHIP = "the provider's leave to grant the role"


RELATION_RIGHTS = frozenset(
    {
        Right.POLICIES, Right.DROP_TRIGGER,
        Right.OWNER, Right.OWNER_OR_SCHEMA, Right.OWNER_OR_MAINTAIN, Right.SELECT, Right.INSERT, Right.UPDATE,
        Right.DELETE, Right.TRUNCATE, Right.REFERENCES, Right.TRIGGER, Right.ANY, Right.REPLACED,
    }
)  # fmt: skip
FUNCTION_RIGHTS = frozenset({Right.FUNCTION_OWNER, Right.FUNCTION_OWNER_OR_SCHEMA, Right.FUNCTION_REPLACED})
TYPE_RIGHTS = frozenset({Right.TYPE_OWNER, Right.TYPE_OWNER_OR_SCHEMA})


@dataclass(frozen=True)
class Need:
    """A right on an object. `schema` is None for an unqualified name. A function's `name` is what to_regprocedure takes."""

    right: Right
    name: str
    schema: str | None = None


RELATIONS = frozenset(
    {
        ObjectType.OBJECT_TABLE, ObjectType.OBJECT_INDEX, ObjectType.OBJECT_VIEW, ObjectType.OBJECT_MATVIEW,
        ObjectType.OBJECT_SEQUENCE, ObjectType.OBJECT_FOREIGN_TABLE,
    }
)  # fmt: skip
ON_RELATION = frozenset(
    {ObjectType.OBJECT_POLICY, ObjectType.OBJECT_TRIGGER, ObjectType.OBJECT_RULE, ObjectType.OBJECT_TABCONSTRAINT}
)
TYPES = frozenset({ObjectType.OBJECT_TYPE, ObjectType.OBJECT_DOMAIN})
FUNCTIONS = frozenset({ObjectType.OBJECT_FUNCTION, ObjectType.OBJECT_PROCEDURE, ObjectType.OBJECT_ROUTINE})
