"""Names, settings, comments and commands that an attacker chose: what we write from them makes them again, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pg_deploy.backup.take import _globals
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.postgres.private_cluster import PrivateCluster
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.hostile.cluster import bare_cluster
from tests.core.rollback.generator.test_generated_rollback import run

RISE = "alter role lowly superuser"
# Each would be executed where it is pasted in one way or another.
PIECES = (
    f"'; {RISE}; --",
    f'"; {RISE}; --',
    f"; {RISE}; --",
    f"$$; {RISE}; --",
    f"$rollback$; {RISE}; do $rollback$ begin end $rollback$; --",
    f"\\'; {RISE}; --",
    f"x to lowly; {RISE}; --",
    f"x in schema public; {RISE}; --",
    f"x in y; {RISE}; --",
    f"a: b; {RISE}; --",
    f"x on server y; {RISE}; --",
    f"\n{RISE};\n",
    "\\! touch /tmp/pg_deploy_was_here\n",
    "%I %s %L %%",
    "%(name)s {name} :name :'name' &x",
    "ünïcödé 名前 🐘",
    "a\\0b\\x00\t",
    "in this database",
    "x in this database",
    'public"',
    "Public",
    "'",
    '"',
    '""',
    ",",
    "a b",
    "E'",
    "a=b",
    "-",
)
SHARED = """
create role {role} password {text};
comment on role {role} is {text};
grant {role} to member;
grant lowly to {role};
grant connect on database postgres to {role};
alter role {role} set app.text to {text};
alter role {role} in database postgres set app.other to {text};
alter role {role} set search_path to {elements};
"""
MADE = """
create schema {schema};
create role {role};
grant {role} to lowly;
create table {table} (id integer, {role} text);
comment on table {table} is {text};
grant select on {table} to {role};
grant connect on database postgres to {role};
alter role {role} in database postgres set app.x to {text};
alter role {role} set search_path to {text}, 'b';
alter default privileges for role {role} in schema {schema} grant select on tables to lowly;
create policy {role} on {table} to {role} using (true);
"""
CHANGED = """
revoke {role} from lowly;
comment on table {table} is 'other';
revoke select on {table} from {role};
revoke connect on database postgres from {role};
alter role {role} in database postgres set app.x to 'other';
alter role {role} reset search_path;
alter default privileges for role {role} in schema {schema} revoke select on tables from lowly;
drop policy {role} on {table};
"""


@pytest.fixture(scope="module")
def two_clusters() -> Iterator[tuple[PrivateCluster, PrivateCluster]]:
    """Both empty, with the superuser "admin"."""
    with ExitStack() as stack:
        made = [stack.enter_context(bare_cluster("pg_cron")) for _ in range(2)]
        yield made[0], made[1]


def names(seed: int) -> list[str]:
    """Thirty names from the pieces: each alone, and some behind one another; no longer than PostgreSQL allows."""
    chance = random.Random(seed)
    mixed = ["".join(chance.sample(PIECES, 2)) for _ in range(12)]
    cut = [each.encode()[:60].decode(errors="ignore") for each in (*PIECES, *mixed)]
    return sorted({each for each in cut if each.strip()})


def plant(connection: Connection, seed: int) -> None:
    """Roles with hostile names, settings, comments, passwords, memberships and rights of databases; as a superuser."""
    chance = random.Random(seed)
    chosen = names(seed)
    connection.execute("create role lowly login; create role member")
    for name in chosen:
        role, text = sql.Identifier(name), sql.Literal(chance.choice(PIECES))
        elements = sql.SQL(", ").join(map(sql.Literal, chance.sample(PIECES, 3)))
        connection.execute(sql.SQL(SHARED).format(role=role, text=text, elements=elements))
        # The one way to have a list's text kept as it is written: no quotes of the server's around it.
        for setting in ("search_path", "local_preload_libraries"):
            raw = "/**/".join(chance.choice(PIECES).replace('"', "").split())
            written = f"Public;{raw};alter/**/role/**/lowly/**/superuser;--"
            connection.execute("select pg_catalog.set_config(%s, %s, false)", [setting, written])
            where = sql.SQL("" if setting == "local_preload_libraries" else " in database postgres")
            connection.execute(
                sql.SQL("alter role {}{} set {} from current; reset {}").format(
                    role, where, sql.SQL(setting), sql.SQL(setting)
                )
            )
    connection.execute(sql.SQL("comment on database postgres is {}").format(sql.Literal("".join(PIECES))))


def superusers(connection: Connection) -> list[str]:
    """Their names."""
    return [row[0] for row in connection.execute("select rolname::text from pg_catalog.pg_roles where rolsuper")]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("by_psql", [False, True])
def test_globals_make_what_the_server_shares_again_and_nobody_becomes_superuser(
    two_clusters: tuple[PrivateCluster, PrivateCluster], seed: int, by_psql: bool, tmp_path: Path
) -> None:
    """Else a role with nothing but LOGIN is superuser on the server where an administrator runs globals.sql."""
    source, new = two_clusters
    with source.target("postgres").session("tests") as here, new.target("postgres").session("tests") as there:
        try:
            plant(here, seed)
            wanted = read_facts(here)
            lines = _globals(here)
            if by_psql:
                _run_by_psql(new, lines, tmp_path)
            else:
                for line in lines:
                    there.execute(line.encode())
            assert superusers(there) == ["admin"]
            assert not describe(compare(cluster_only(wanted), cluster_only(read_facts(there))))
        finally:
            for connection in (here, there):
                clean(connection)


def _run_by_psql(cluster: PrivateCluster, lines: list[str], folder: Path) -> None:
    file = folder / "globals.sql"
    file.write_text("".join(f"{line};\n" for line in lines), encoding="utf-8")
    conninfo = psycopg.conninfo.conninfo_to_dict(cluster.target("postgres").conninfo)
    done = subprocess.run(
        [cluster.programs.path("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-f", str(file)],
        env={
            **os.environ,
            "PGHOST": str(conninfo["host"]),
            "PGPORT": str(conninfo["port"]),
            "PGUSER": "admin",
            "PGPASSWORD": cluster.password,
            "PGDATABASE": "postgres",
            "PGCLIENTENCODING": "UTF8",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not Path("/tmp/pg_deploy_was_here").exists()


def cluster_only(facts: Facts) -> Facts:
    """Those that all databases share."""
    return Facts(
        frozenset(each for each in facts.facts if each.scope == "cluster"), facts.server_version, facts.read_at
    )


def clean(connection: Connection) -> None:
    """Without the roles and what was set for them."""
    connection.execute("comment on database postgres is null; revoke all on database postgres from public")
    mine = connection.execute(
        "select rolname::text from pg_catalog.pg_roles where oid >= 16384 and not starts_with(rolname::text, 'pg_')"
    ).fetchall()
    for (name,) in mine:
        connection.execute(
            sql.SQL("drop owned by {} cascade; drop role {}").format(sql.Identifier(name), sql.Identifier(name))
        )
    connection.execute("grant temporary, connect on database postgres to public")


def test_a_generated_rollback_of_hostile_names_undoes_them_and_raises_nobody(
    two_clusters: tuple[PrivateCluster, PrivateCluster],
) -> None:
    """Else a rollback that the engine writes by itself runs, as the deploying role, what a name says."""
    cluster, _ = two_clusters
    with cluster.target("postgres").session("tests") as connection:
        connection.execute("create role lowly login")
        each = [
            {
                "role": sql.Identifier(name),
                "schema": sql.Identifier(f"s{number}"),
                "table": sql.Identifier(f"s{number}", name),
                "text": sql.Literal(PIECES[number % len(PIECES)]),
            }
            for number, name in enumerate(names(7))
        ]
        for named in each:
            connection.execute(sql.SQL(MADE).format(**named))
        before = read_facts(connection)
        for named in each:
            connection.execute(sql.SQL(CHANGED).format(**named))
        generated = generate_rollback(before, read_facts(connection), migration_sql="select 1")
        assert not generated.refusals, generated.refusals
        run(connection, generated.sql)
        assert superusers(connection) == ["admin"]
        assert not describe(compare(before, read_facts(connection)))
        for named in each:
            connection.execute(sql.SQL("drop schema {schema} cascade").format(**named))
        clean(connection)
