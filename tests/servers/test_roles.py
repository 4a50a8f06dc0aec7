"""Memberships of PostgreSQL 16 and later: what preflight asks for, and in which order a backup makes them again."""

from __future__ import annotations

from itertools import pairwise

import psycopg

from pg_deploy.parsing.statements import split
from pg_deploy.parsing.syntax import in_file
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.preflight.rights.missing import missing_rights
from tests.servers.server import Server, running

GLOBALS = engine_sql("backup/globals")


def test_a_membership_without_set_is_not_enough_to_give_something_to_the_role(newer: Server) -> None:
    """Else preflight says that all is well, and the migration fails in the middle."""
    statements = in_file("f.sql", split("alter schema given owner to keeper; set role keeper", file="f.sql"))
    with psycopg.connect(newer.admin_url(), autocommit=True) as admin:
        admin.execute(
            "create role keeper; grant create on database demo to keeper; create schema given authorization postgres"
        )
        try:
            for inherit, may_set, is_lacking in (("true", "false", True), ("false", "true", False)):
                admin.execute(f"grant keeper to postgres with inherit {inherit}, set {may_set}")
                with psycopg.connect(newer.url(), autocommit=True) as connection:
                    sentences = [each.sentence for each in missing_rights(connection, statements)]
                assert any('role "keeper"' in sentence for sentence in sentences) == is_lacking, sentences
        finally:
            admin.execute("drop schema given; revoke create on database demo from keeper; drop role keeper")


def test_memberships_are_made_again_in_the_order_of_who_may_grant(newer: Server) -> None:
    """Else a chain of delegated roles, in the order of names, restores nowhere."""
    chain = ("zoe", "mia", "ann", "bob")
    with psycopg.connect(newer.admin_url(), autocommit=True) as admin:
        admin.execute("create role chief")
        for name in chain:
            admin.execute(f"create role {name}")
        admin.execute("grant chief to zoe with admin option")
        for grantor, member in pairwise(chain):
            admin.execute(f"grant chief to {member} with admin option granted by {grantor}")
        admin.execute("grant chief to bob with inherit false granted by zoe")
        try:
            statements = [row[0] for row in admin.execute(GLOBALS).fetchall()]
            wanted = _memberships(admin)
            with running("18-wheel") as other, psycopg.connect(other.admin_url("postgres"), autocommit=True) as there:
                there.execute("create database demo")
                with psycopg.connect(other.admin_url(), autocommit=True) as connection:
                    for statement in statements:
                        connection.execute(statement.encode())
                    assert _memberships(connection) == wanted
        finally:
            admin.execute("drop role chief")
            for name in chain:
                admin.execute(f"drop role {name}")


def _memberships(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return connection.execute(
        """select roleid::regrole::text, member::regrole::text, grantor::regrole::text, admin_option, inherit_option, set_option
        from pg_auth_members where not starts_with(member::regrole::text, 'pg_') order by 1, 2, 3"""
    ).fetchall()
