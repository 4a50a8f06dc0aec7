"""Rollbacks of objects whose names hold what an identity puts between names. Without a server: facts in, SQL out."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.rollback.generator.generate import generate_rollback

Row = tuple[str, str, dict[str, object]]


def facts(*rows: Row) -> Facts:
    found = (Fact(kind, identity, json.dumps(of, sort_keys=True), "database") for kind, identity, of in rows)  # type: ignore[arg-type]
    return Facts(frozenset(found), 150000, datetime(2026, 1, 1, tzinfo=timezone.utc))


def function(result: str) -> Row:
    definition = (
        f"CREATE OR REPLACE FUNCTION app.f(text)\n RETURNS {result}\n LANGUAGE sql\nAS $function$select 1$function$\n"
    )
    return ("function", "app.f(text)", {"definition": definition, "owner": "deployer"})


def test_a_function_that_is_made_again_gets_its_comment_again_also_where_it_takes_a_text() -> None:
    """The server names a type of its own with its schema there, and nowhere else: the comment is on the function all the same."""
    comment: Row = ("comment", "function app.f(pg_catalog.text)", {"text": "said of it"})
    made = generate_rollback(facts(function("integer"), comment), facts(function("bigint"), comment))
    assert "drop function app.f(text);" in made.sql
    assert "comment on function app.f(pg_catalog.text) is 'said of it';" in made.sql


def test_a_publication_loses_a_table_whose_name_holds_where() -> None:
    """Cut at the word, the statement would drop another table from it, or none."""
    table: Row = ("table", 'app."a where b"', {"owner": "deployer"})

    def publication(*tables: str) -> Row:
        return ("publication", "news", {"owner": "deployer", "pubinsert": True, "tables": list(tables)})

    made = generate_rollback(
        facts(table, publication()), facts(table, publication('app."a where b" (id) where (id > 0)'))
    )
    assert 'alter publication news drop table only app."a where b";' in made.sql


def test_a_right_of_a_role_that_is_called_like_a_grant_is_taken_back() -> None:
    table: Row = ("table", 'app."t to x"', {"owner": "deployer"})
    grant: Row = ("grant", 'table app."t to x" to "a to b"', {"by deployer": "SELECT"})
    made = generate_rollback(facts(table), facts(table, grant))
    assert 'revoke select on table app."t to x" from "a to b";' in made.sql


def test_a_prefix_operator_is_made_again_with_one_side() -> None:
    operator: Row = (
        "operator",
        'app.@(NONE,"a, b".t)',
        {"owner": "deployer", "result": "integer", "function": "app.f"},
    )
    made = generate_rollback(facts(operator), facts())
    assert 'create operator app.@ (function = app.f, rightarg = "a, b".t);' in made.sql
