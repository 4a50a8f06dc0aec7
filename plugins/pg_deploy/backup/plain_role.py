"""A role in a copy that runs the target's code (CHECKs, domains, generated columns) without a superuser's rights.

It is a member of all roles, except those that have more rights than an application: superusers, roles that may become one,
and roles that may run programs or read and write files on the server.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pg_deploy.postgres.session import Connection, Target

# All roles but superusers, the roles for programs and files, and whatever is a member of these, however indirectly.
_OTHERS = """
with recursive excluded (oid) as (
    select oid from pg_catalog.pg_roles where rolsuper
        or rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    union
    select m.member from pg_catalog.pg_auth_members m join excluded e on e.oid = m.roleid
)
select r.rolname::text from pg_catalog.pg_roles r
where r.oid not in (select oid from excluded)
    and (r.rolname in ('pg_read_all_data', 'pg_write_all_data') or not starts_with(r.rolname::text, 'pg_'))
    and r.rolname <> %s
"""

# What a superuser closed to others, and calls in a CHECK of his own: it runs with the plain role's rights, and where it would
# not (SECURITY DEFINER, code of the server's process) it stays closed.
_CLOSED = """
select p.oid::regprocedure::text from pg_catalog.pg_proc p
join pg_catalog.pg_language l on l.oid = p.prolang
where p.prokind = 'f' and not p.prosecdef and l.lanpltrusted and p.oid >= 16384
    and not pg_catalog.has_function_privilege(%s, p.oid, 'execute')
"""


@contextmanager
def plain_role(admin: Target) -> Iterator[tuple[Target, frozenset[str]]]:
    """`admin`'s database as that role, and the roles that it is a member of. Commits.

    At the end the role is dropped, with everything that it owns by then.
    """
    name, password = f"deploy_plain_{secrets.token_hex(6)}", secrets.token_urlsafe(24)
    role = sql.Identifier(name)
    with admin.session("plain role") as connection:
        connection.execute(
            sql.SQL("create role {} login nosuperuser bypassrls password {}").format(role, sql.Literal(password))
        )
        others = [row[0] for row in connection.execute(_OTHERS, [name])]
        try:
            if others:
                connection.execute(
                    sql.SQL("grant {} to {}").format(sql.SQL(", ").join(map(sql.Identifier, others)), role)
                )
            if closed := [row[0] for row in connection.execute(_CLOSED, [name])]:
                connection.execute(
                    sql.SQL("grant execute on function {} to {}").format(sql.SQL(", ").join(map(sql.SQL, closed)), role)
                )
            if connection.info.server_version >= 150000:
                connection.execute(sql.SQL("grant set on parameter session_replication_role to {}").format(role))
            yield (
                Target(
                    f"{admin.name}, plain role",
                    make_conninfo(admin.conninfo, user=name, password=password),
                    admin.ledger,
                ),
                frozenset(others),
            )
        finally:
            with suppress(psycopg.Error):
                _drop(connection, role)


def _drop(connection: Connection, role: sql.Identifier) -> None:
    connection.execute(sql.SQL("drop owned by {} cascade").format(role))
    connection.execute(sql.SQL("drop role {}").format(role))
