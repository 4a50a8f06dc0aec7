"""The rights that the pending statements need and the connected role certainly lacks. Reads only."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import psycopg

from pg_deploy.parsing.syntax import SqlStatement
from pg_deploy.postgres.session import using_role_search_path
from pg_deploy.preflight.rights.kinds_of_rights import FUNCTION_RIGHTS, RELATION_RIGHTS, TYPE_RIGHTS, Need, Right
from pg_deploy.preflight.rights.needs_of_statements import needs_of_statements
from pg_deploy.preflight.rights.provider import provider_grants
from pg_deploy.preflight.server.queries import rows

_Row = dict[str, Any]


# CREATE on a schema is enough to make something there: USAGE is not needed.
_MAKING = frozenset({Right.SCHEMA_CREATE, Right.REPLACED, Right.FUNCTION_REPLACED})
_OWNERSHIP = frozenset(
    {
        Right.OWNER, Right.POLICIES, Right.DROP_TRIGGER, Right.REPLACED, Right.OWNER_OR_SCHEMA, Right.OWNER_OR_MAINTAIN,
    }
)  # fmt: skip


@dataclass(frozen=True)
class MissingRight:
    """A right that a statement needs and the role lacks. `sentence` names file, line and object, and how to give the right."""

    file: str
    line: int
    summary: str
    right: str
    object: str
    sentence: str


@dataclass(frozen=True)
class _Lack:
    object: str
    reason: str
    remedy: str
    right: str


def missing_rights(connection: psycopg.Connection, statements: Sequence[SqlStatement]) -> tuple[MissingRight, ...]:
    """Every right that is certainly missing, in the statements' order, each (file, right, object) once. Reads only.

    A superuser lacks nothing. What a DO block or a function does cannot be seen.
    """
    role = rows(connection, "rights")[0]
    if role["is_superuser"]:
        return ()
    wanted = list(needs_of_statements(statements))
    answers = _Answers(connection, role, [need for _, need in wanted])
    missing: dict[tuple[str, str, str], MissingRight] = {}
    for statement, need in wanted:
        lack = answers.lack(need)
        if lack is not None:
            missing.setdefault(
                (statement.file, lack.right, lack.object),
                MissingRight(
                    file=statement.file,
                    line=statement.line,
                    summary=statement.summary,
                    right=lack.right,
                    object=lack.object,
                    sentence=f"{statement.file} line {statement.line}: {lack.reason}: {lack.remedy}",
                ),
            )
    return tuple(missing.values())


class _Answers:
    """The catalog's answers to a list of needs, with one query for each kind of object."""

    def __init__(self, connection: psycopg.Connection, role: _Row, wanted: Sequence[Need]) -> None:
        self.connection = connection
        self.provider = provider_grants(connection)
        self.role = role
        by = {right: [need for need in wanted if need.right is right] for right in Right}
        self.relations = self._by_schema_and_name("rights_relations", RELATION_RIGHTS, wanted)
        self.types = self._by_schema_and_name("rights_types", TYPE_RIGHTS, wanted)
        schemas = [need.schema or need.name or role["default_schema"] for need in by[Right.SCHEMA_CREATE]]
        schemas += [need.name for need in by[Right.SCHEMA_OWNER]]
        schemas += [need.schema for need in wanted if need.schema is not None]
        self.schemas = _by_name(rows(connection, "rights_schemas", schemas))
        calls = by[Right.CALL]
        answers = rows(connection, "rights_calls", [need.schema for need in calls], [need.name for need in calls])
        self.calls = {(row["schema"], row["name"]): row for row in answers}
        self.functions = {need.name: self._function(need.name) for need in wanted if need.right in FUNCTION_RIGHTS}
        self.extensions = _by_name(rows(connection, "rights_extensions", [need.name for need in by[Right.EXTENSION]]))
        self.roles = _by_name(rows(connection, "rights_roles", [need.name for need in by[Right.MEMBER]]))
        self.databases = _by_name(
            rows(connection, "rights_databases", [need.name for need in by[Right.DATABASE_OWNER]])
        )
        self.parameters = _by_name(
            rows(connection, "rights_parameters", [need.name for need in by[Right.SET_PARAMETER]])
        )

    def _by_schema_and_name(
        self, query: str, rights: Set[Right], wanted: Sequence[Need]
    ) -> dict[tuple[str | None, str], _Row]:
        pairs = list(dict.fromkeys((need.schema, need.name) for need in wanted if need.right in rights))
        answers = rows(self.connection, query, [schema for schema, _ in pairs], [name for _, name in pairs])
        return {pairs[row["position"] - 1]: row for row in answers}

    def lack(self, need: Need) -> _Lack | None:
        """What the role lacks for `need`; None if it lacks nothing, or if the catalog cannot tell."""
        schema = self.schemas.get(need.schema or "")
        if schema is not None and not schema["usable"] and need.right not in _MAKING:
            return _Lack(
                f'schema "{need.schema}"', f'role "{self.me}" may not use schema "{need.schema}"',
                f'grant usage on schema "{need.schema}" to "{self.me}"', "USAGE",
            )  # fmt: skip
        if need.right in RELATION_RIGHTS:
            return self._relation(need)
        if need.right in FUNCTION_RIGHTS:
            return self._owned_function(need)
        if need.right in TYPE_RIGHTS:
            return self._owned_type(need)
        answer = {
            Right.SCHEMA_CREATE: self._schema_create,
            Right.SCHEMA_OWNER: self._schema_owner,
            Right.CALL: self._call,
            Right.DATABASE_CREATE: self._database_create,
            Right.DATABASE_OWNER: self._database_owner,
            Right.EXTENSION: self._extension,
            Right.SET_PARAMETER: self._set_parameter,
            Right.ALTER_SYSTEM: self._alter_system,
            Right.MEMBER: self._member,
            Right.CREATEROLE: self._createrole,
            Right.SUPERUSER: self._superuser,
            Right.RESERVED_ROLE: self._reserved,
            Right.RESERVED_SETTINGS: self._reserved,
            Right.RESERVED_MEMBERSHIP: self._reserved,
        }.get(need.right)
        return answer(need) if answer is not None else None

    @property
    def me(self) -> str:
        """The role's name."""
        return str(self.role["role"])

    def _relation(self, need: Need) -> _Lack | None:
        row = self.relations.get((need.schema, need.name))
        if row is None or row["owned"]:
            return None
        name = f"{row['schema']}.{row['name']}"
        privileges = row["privileges"]
        has_it = {
            Right.OWNER: False,
            Right.POLICIES: self.provider.covers(need.right, name),
            Right.DROP_TRIGGER: self.provider.covers(need.right, name),
            Right.REPLACED: False,
            Right.OWNER_OR_SCHEMA: row["schema_owned"],
            Right.OWNER_OR_MAINTAIN: "maintain" in privileges,
            Right.ANY: bool(privileges),
        }.get(need.right, need.right.value.lower() in privileges)
        if has_it:
            return None
        if need.right in _OWNERSHIP:
            return self._not_owner(f'"{name}"', row["owner"], need.right)
        right, option = ("all", " with grant option") if need.right is Right.ANY else (need.right.value.lower(), "")
        return _Lack(
            f'"{name}"', f'role "{self.me}" lacks {need.right.value} on "{name}" (owner "{row["owner"]}")',
            f'grant {right} on {name} to "{self.me}"{option}', need.right.value,
        )  # fmt: skip

    def _not_owner(self, name: str, owner: str, right: Right) -> _Lack:
        return _Lack(
            name, f'{name} belongs to "{owner}", only its owner may do this and role "{self.me}" is not a member of it',
            f'grant "{owner}" to "{self.me}", or let "{owner}" make this change', right.value,
        )  # fmt: skip

    def _owned_function(self, need: Need) -> _Lack | None:
        row = self.functions.get(need.name)
        if row is None or row["owned"] or (need.right is Right.FUNCTION_OWNER_OR_SCHEMA and row["schema_owned"]):
            return None
        return self._not_owner(f"function {need.name}", row["owner"], need.right)

    def _owned_type(self, need: Need) -> _Lack | None:
        row = self.types.get((need.schema, need.name))
        if row is None or row["owned"] or (need.right is Right.TYPE_OWNER_OR_SCHEMA and row["schema_owned"]):
            return None
        return self._not_owner(f'type "{row["name"]}"', row["owner"], need.right)

    def _function(self, signature: str) -> _Row | None:
        try:
            with using_role_search_path(self.connection):
                row = self.connection.execute(
                    "select pg_catalog.to_regprocedure(%s)::pg_catalog.oid", [signature]
                ).fetchone()
            functions = rows(self.connection, "rights_function", row[0] if row else None)
        except psycopg.Error:
            return None  # a type does not exist yet, or the role may not use a schema
        return functions[0] if functions else None

    def _schema_create(self, need: Need) -> _Lack | None:
        name = need.schema or need.name or self.role["default_schema"] or ""
        row = self.schemas.get(name)
        if row is None or row["extensible"]:
            return None
        return _Lack(
            f'schema "{name}"', f'role "{self.me}" may not create anything in schema "{name}"',
            f'grant create on schema "{name}" to "{self.me}"', need.right.value,
        )  # fmt: skip

    def _schema_owner(self, need: Need) -> _Lack | None:
        row = self.schemas.get(need.name)
        if row is None or row["owned"]:
            return None
        return self._not_owner(f'schema "{need.name}"', row["owner"], need.right)

    def _call(self, need: Need) -> _Lack | None:
        row = self.calls.get((need.schema or "", need.name))
        if row is None or row["executable"]:
            return None
        name = f"{need.schema}.{need.name}"
        return _Lack(
            f'function "{name}"', f'role "{self.me}" may not execute "{name}"',
            f'grant execute on function {name} to "{self.me}"', need.right.value,
        )  # fmt: skip

    def _database_create(self, need: Need) -> _Lack | None:
        if self.role["can_create_schema"]:
            return None
        name = self.role["database"]
        return _Lack(
            f'database "{name}"', f'role "{self.me}" may not create schema "{need.name}" in database "{name}"',
            f'grant create on database "{name}" to "{self.me}"', need.right.value,
        )  # fmt: skip

    def _database_owner(self, need: Need) -> _Lack | None:
        row = self.databases.get(need.name)
        if row is None or row["owned"]:
            return None
        return self._for_administrator(
            f'database "{need.name}"', "the settings of a database are its owner's", need.right
        )

    def _extension(self, need: Need) -> _Lack | None:
        row = self.extensions.get(need.name)
        if row is None or need.name in self.provider.extensions:
            return None
        if row["superuser_only"]:
            if self.provider.extensions:
                why = "the provider makes those of supautils.privileged_extensions only"
                return self._for_administrator(f'extension "{need.name}"', why, need.right)
            if self.role["privileged_by_provider"]:
                return None
            return self._for_administrator(f'extension "{need.name}"', "it is not a trusted extension", need.right)
        if self.role["can_create_schema"]:
            return None
        return self._database_create(need)

    def _set_parameter(self, need: Need) -> _Lack | None:
        if need.name not in self.parameters or self._parameter_granted(need.name, "set"):
            return None
        return self._for_administrator(f'parameter "{need.name}"', "it is a superuser's to set", need.right)

    def _alter_system(self, need: Need) -> _Lack | None:
        if need.name != "all" and self._parameter_granted(need.name, "alter system"):
            return None
        return self._for_administrator(f'parameter "{need.name}"', "ALTER SYSTEM is a superuser's", need.right)

    def _parameter_granted(self, name: str, right: str) -> bool:
        if self.role["privileged_by_provider"]:
            return True
        if self.role["version_num"] < 150000:  # no rights on parameters before 15
            return False
        row = self.connection.execute("select has_parameter_privilege(%s, %s)", (name, right)).fetchone()
        return row is not None and bool(row[0])

    def _member(self, need: Need) -> _Lack | None:
        row = self.roles.get(need.name)
        if row is None or row["member"]:
            return None
        return _Lack(
            f'role "{need.name}"', f'role "{self.me}" is not a member of role "{need.name}"',
            f'grant "{need.name}" to "{self.me}"', need.right.value,
        )  # fmt: skip

    def _createrole(self, need: Need) -> _Lack | None:
        if self.role["can_create_role"]:
            return None
        return self._for_administrator(f'role "{need.name}"', f'role "{self.me}" lacks CREATEROLE', need.right)

    def _superuser(self, need: Need) -> _Lack | None:
        if self.role["privileged_by_provider"]:
            return None
        return self._for_administrator(need.name, "only a superuser makes one", need.right)

    def _reserved(self, need: Need) -> _Lack | None:
        setting = self.provider.reserved_by(need.right, need.name)
        if setting is None:
            return None
        return _Lack(
            f'role "{need.name}"', f'role "{need.name}" is reserved by the provider ({setting}), no migration changes it',
            "leave it out of the file", need.right.value,
        )  # fmt: skip

    def _for_administrator(self, name: str, why: str, right: Right) -> _Lack:
        return _Lack(
            name, f'{name} is not for role "{self.me}": {why}', "let an administrator do this part", right.value
        )


def _by_name(answers: Sequence[_Row]) -> dict[str, _Row]:
    return {row["name"]: row for row in answers}
