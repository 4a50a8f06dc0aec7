"""Rollbacks of objects whose names hold what an identity puts between names. Without a server: facts in, SQL out."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.catalog.objects import Objects
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.facts import fact, facts


def function(result: str) -> Fact:
    definition = (
        f"CREATE OR REPLACE FUNCTION app.f(text)\n RETURNS {result}\n LANGUAGE sql\nAS $function$select 1$function$\n"
    )
    return fact("function", "app.f(text)", definition=definition, owner="deployer")


def test_a_function_that_takes_a_text_gets_its_comment_again_when_it_is_made_again() -> None:
    """The server names a type of its own with its schema there, and nowhere else: the comment is on the function all the same."""
    comment = fact("comment", "function app.f(pg_catalog.text)", text="said of it")
    made = generate_rollback(facts(function("integer"), comment), facts(function("bigint"), comment))
    assert "drop function app.f(text);" in made.sql
    assert "comment on function app.f(pg_catalog.text) is 'said of it';" in made.sql


def test_a_publication_loses_a_table_whose_name_holds_where() -> None:
    """Cut at the word, the statement would drop another table from it, or none."""
    table = fact("table", 'app."a where b"', owner="deployer")

    def publication(*tables: str) -> Fact:
        return fact("publication", "news", owner="deployer", pubinsert=True, tables=list(tables))

    made = generate_rollback(
        facts(table, publication()), facts(table, publication('app."a where b" (id) where (id > 0)'))
    )
    assert 'alter publication news drop table only app."a where b";' in made.sql


def test_a_right_of_a_role_that_is_called_like_a_grant_is_taken_back() -> None:
    table = fact("table", 'app."t to x"', owner="deployer")
    grant = fact("grant", 'table app."t to x" to "a to b"', **{"by deployer": "SELECT"})
    made = generate_rollback(facts(table), facts(table, grant))
    assert 'revoke select on table app."t to x" from "a to b";' in made.sql


def test_a_prefix_operator_is_made_again_with_one_side() -> None:
    operator = fact("operator", 'app.@(NONE,"a, b".t)', owner="deployer", result="integer", function="app.f")
    made = generate_rollback(facts(operator), facts())
    assert 'create operator app.@ (function = app.f, rightarg = "a, b".t);' in made.sql


def test_a_sequence_goes_back_to_an_owner_whose_name_holds_a_quote() -> None:
    """Put between quotes as it is, the name would end early, and what follows in it would run as SQL."""
    old = fact(*("sequence", "app.s"), owner='a"b', type="bigint", increment=1, minimum=1, maximum=9, start=1, cache=1)
    before = replace(facts(old), objects=Objects("1", 5, (), positions=(("app.s", 3, True),)))
    made = generate_rollback(before, replace(facts(), objects=Objects("1", 5, ())))
    assert 'alter sequence app.s owner to "a""b";' in made.sql
