"""Asking the server about a statement."""

from __future__ import annotations

import psycopg

from pg_deploy.workload.asking import Answer, Form, asking
from tests.looking import Database


def _answers(database: Database, text: str, *paths: str) -> list[Answer]:
    with psycopg.connect(database.url, autocommit=True) as connection, asking(connection) as asker:
        return [asker.ask("supabase_admin", Form(text, path)) for path in paths]


def test_a_type_has_one_name_whatever_the_search_path(database: Database) -> None:
    """Else a changed search_path is said to change what a statement returns that names every schema."""
    database.run(
        "create schema shop; create type shop.state as enum ('new'); create domain shop.mail as text;"
        " create table shop.orders (id integer, state shop.state, states shop.state[], sent shop.mail, size numeric(5, 2))"
    )

    inside, outside = _answers(database, "select * from shop.orders where state = $1", "shop", "public")

    assert inside.columns == outside.columns
    assert inside.parameters == outside.parameters == ("shop.state",)
    assert dict(outside.columns) == {
        "id": "integer", "state": "shop.state", "states": "shop.state[]", "sent": "text", "size": "numeric(5,2)",
    }  # fmt: skip
