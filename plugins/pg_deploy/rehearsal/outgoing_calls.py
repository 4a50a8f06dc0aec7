"""What could reach out of a copy: extensions that make calls, jobs, foreign servers. Made harmless, or replaced."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pg_deploy.backup.manifest import Extension
from pg_deploy.backup.restore import MadeExtension
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_sql

_STAND_INS = {
    "pg_cron": (
        "cron_stand_in",
        "pg_cron cannot run in the copy: a stand-in records jobs, and their SQL is not run",
    ),
    "pg_net": ("net_stand_in", "pg_net is replaced by a stand-in: requests get a number and go nowhere"),
}
# Installed here or not, these would talk to somebody.
_CALLERS = ("dblink", "http", "plproxy", "pgsql_http", "wrappers")


def make_extension(connection: Connection, extension: Extension, *, cron_is_ours: bool) -> MadeExtension:
    """Make the extension in the copy, or a stand-in if the real one would reach out or is not available. Commits."""
    if extension.name == "pg_net" or (extension.name == "pg_cron" and not cron_is_ours):
        return _stand_in(connection, extension)
    try:
        return MadeExtension(True, _create(connection, extension))
    except psycopg.Error as error:
        if extension.name in _STAND_INS:
            return _stand_in(connection, extension)
        reason = one_line(str(error.diag.message_primary or error))
        return MadeExtension(
            False,
            f'extension "{extension.name}" cannot be made on this worker ({reason}): what needs it is not rehearsed',
        )


def cut_off(connection: Connection) -> tuple[str, ...]:
    """Make every remaining way out fail: functions that call, foreign data wrappers. Returns what was cut. Commits."""
    notes = []
    present = {row[0] for row in connection.execute("select extname::text from pg_catalog.pg_extension")}
    for name in sorted(present & set(_CALLERS)):
        connection.execute("select pg_catalog.set_config('pg_deploy.extension', %s, false)", [name])
        connection.execute(engine_sql("rehearsal/no_outgoing_calls"))
        notes.append(f"{name} makes no call in the copy: what calls it fails there")
    wrappers = connection.execute(
        "select fdwname::text from pg_catalog.pg_foreign_data_wrapper where fdwhandler <> 0 order by 1"
    ).fetchall()
    for (wrapper,) in wrappers:
        connection.execute(sql.SQL("alter foreign data wrapper {} no handler").format(sql.Identifier(wrapper)))
        notes.append(f"foreign tables of {wrapper} cannot be read in the copy")
    if wrappers:
        # Passwords of other servers do not belong in a copy.
        connection.execute("update pg_catalog.pg_user_mapping set umoptions = null where umoptions is not null")
    return tuple(notes)


def _create(connection: Connection, extension: Extension) -> str | None:
    """Create it, owned by its owner on the target; returns a sentence if only another version is available."""
    create = sql.SQL("create extension {} ").format(sql.Identifier(extension.name))
    if not extension.makes_schema:
        create += sql.SQL("schema {} ").format(sql.Identifier(extension.schema))
    exact = True
    try:
        # Tried and not looked up: the list of versions fails as a whole if any extension of the worker is half installed.
        connection.execute(create + sql.SQL("version {}").format(sql.Literal(extension.version)))
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedFile):
        exact = False
        connection.execute(create)
    # The owner may be a role that could not create it here; in a cluster of our own the catalog can be told.
    connection.execute(
        """with changed as (
            update pg_catalog.pg_extension set extowner = pg_catalog.to_regrole(pg_catalog.quote_ident(%(owner)s))
            where extname = %(name)s and extowner <> pg_catalog.to_regrole(pg_catalog.quote_ident(%(owner)s))
            returning oid, extowner
        )
        insert into pg_catalog.pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
        select (select b.oid from pg_catalog.pg_database b where b.datname = current_database()),
            'pg_catalog.pg_extension'::regclass, c.oid, 0, 'pg_catalog.pg_authid'::regclass, c.extowner, 'o'
        from changed c""",
        {"owner": extension.owner, "name": extension.name},
    )
    if exact:
        return None
    return f'extension "{extension.name}" is of another version than the target\'s {extension.version}'


def _stand_in(connection: Connection, extension: Extension) -> MadeExtension:
    file, sentence = _STAND_INS[extension.name]
    connection.execute(engine_sql(f"rehearsal/{file}"))
    return MadeExtension(False, sentence)
