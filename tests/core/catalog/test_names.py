"""Identities of facts: their parts come from the catalog's columns, and only what was kept before is parsed."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pg_deploy.catalog.names import Identity, made, parsed
from pg_deploy.catalog.reader import Facts, read_facts

FOLDER = Path(__file__).parent
PACKAGE = Path(__file__).parents[3] / "plugins" / "pg_deploy"
ROLES = "create role anon; create role member; create role deployer login bypassrls createrole in role pg_read_all_data"


@pytest.fixture(scope="module")
def facts(own_catalog_server: str) -> Iterator[Facts]:
    """Of a database whose objects are called what an identity puts between names, each with rights and a comment."""
    with psycopg.connect(f"{own_catalog_server} dbname=postgres", autocommit=True) as connection:
        connection.execute("create database catalog")
    with psycopg.connect(f"{own_catalog_server} dbname=catalog", autocommit=True) as connection:
        connection.execute("create extension pg_cron")
        connection.execute(ROLES)
        connection.execute((FOLDER / "everything.sql").read_text(encoding="utf-8"))
        for statement in (FOLDER / "hostile_names.sql").read_text(encoding="utf-8").split(";\n"):
            connection.execute(statement)
        connection.execute("select cron.schedule('in a to b', '0 * * * *', 'select 1')")
        connection.execute("select cron.schedule('0 1 * * *', 'select 2')")
        yield read_facts(connection)


def fields(identity: Identity) -> tuple[Any, ...]:
    of = identity.of
    own = (identity.kind, str(identity), identity.parts, identity.schema, identity.name, identity.role)
    return (*own, fields(of) if of is not None else None)


@pytest.mark.server
def test_a_text_that_was_kept_has_the_parts_that_the_catalog_gives(facts: Facts) -> None:
    """Else what a ledger or a backup kept names another table, role or schema than the database of now."""
    assert len({fact.kind for fact in facts.facts}) >= 43
    for fact in sorted(facts.facts):
        kept = parsed(fact.kind, str(fact.identity))
        assert fields(fact.identity) == fields(kept), fact


@pytest.mark.server
def test_parts_print_as_the_catalog_prints_them(facts: Facts) -> None:
    """Else what is called by another name for a rollback is no fact, and the rollback is refused or forgets it."""
    for fact in sorted(facts.facts):
        assert made(fact.kind, *fact.identity.parts) == fact.identity


@pytest.mark.server
def test_what_a_comment_or_a_dependency_on_an_extension_is_about_is_a_fact(facts: Facts) -> None:
    """A comment names a function's types of the server with their schema: it is on the function all the same."""
    none = {
        ("column", '"a (b"."pair, of"."x.y"'),  # an attribute is no fact
        *((each, str(name)) for each, name in facts.by_key if each == "language"),
    }
    for fact in facts.facts:
        if fact.kind in ("comment", "dependency on extension"):
            assert fact.identity.of is not None
            about = (fact.identity.of.kind, str(fact.identity.of))
            assert about in facts.by_key or about in none, fact


def test_an_identity_is_its_text_and_keeps_its_parts() -> None:
    """It is a key of dictionaries, stands in evidence and goes through pickle and JSON as the text that it was."""
    column = made("column", "public", '"a.b"', '"c d"')
    assert column == 'public."a.b"."c d"'
    assert {'public."a.b"."c d"': 1}[column] == 1
    assert json.dumps([column]) == json.dumps([str(column)])
    assert pickle.loads(pickle.dumps(column)).parts == column.parts
    assert (column.relation, column.relation.kind, column.plain) == ('public."a.b"', "relation", "public.a.b.c d")


@pytest.mark.parametrize(
    ("identity", "whole", "last"),
    [
        ("public.orders.total", "public.orders", "total"),
        ('public.orders."read v1.2"', "public.orders", '"read v1.2"'),
        ('"a.b"."c.d"."e ""f."" g"', '"a.b"."c.d"', '"e ""f."" g"'),
        ("orders.total", "orders", "total"),
        ("alone", "", "alone"),
    ],
)
def test_what_a_thing_is_in_is_not_cut_in_a_quoted_name(identity: str, whole: str, last: str) -> None:
    """Else a policy named "read v1.2" belongs to no table, and whoever loosens it by hand raises no alert."""
    assert (parsed("policy", identity).relation, parsed("policy", identity).name) == (whole, last)


def test_a_new_name_is_printed_by_the_rules_of_the_catalog() -> None:
    function = parsed("function", 'app."f(x)"("a (b".t,text)')
    assert function.with_schema('"New Place"').with_name("g") == '"New Place".g("a (b".t,text)'
    assert function.with_arguments("integer") == 'app."f(x)"(integer)'
    assert parsed("operator class", "app.x using btree").with_name('"y using z"') == 'app."y using z" using btree'
    assert parsed("trigger", "app.t.g").on('"a.b"."c.d"') == '"a.b"."c.d".g'
    assert parsed("constraint", "app.t.k").beside("index") == "app.k"
    comment = parsed("comment", 'function app.f(pg_catalog.text,"pg_catalog.".x)')
    assert comment.of == 'app.f(text,"pg_catalog.".x)'
    assert comment.with_object(made("function", "b", "g", 'text,"pg_catalog.".x')) == (
        'function b.g(pg_catalog.text,"pg_catalog.".x)'
    )
    grant = parsed("grant", 'table app.t to "a to b"')
    assert grant.with_object(made("table", "b", '"t to x"')) == 'table b."t to x" to "a to b"'


_CUTS = frozenset(
    [
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "startswith",
        "endswith",
        "removeprefix",
        "removesuffix",
        "replace",
        "find",
        "rfind",
        "index",
        "rindex",
        "strip",
        "splitlines",
        "count",
    ]
)
_SEARCHES = frozenset(["match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split"])


def _is_identity(node: ast.expr) -> bool:
    """Whether an expression is called an identity, or the second part of a key."""
    if isinstance(node, ast.Name):
        return node.id == "identity"
    if isinstance(node, ast.Attribute):
        return node.attr == "identity" and not (
            isinstance(node.value, ast.Name) and node.value.id in ("run", "claiming")
        )
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 1:
        return isinstance(node.value, ast.Name) and node.value.id in ("key", "subject", "first", "was", "node")
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    if node.func.id == "str":
        return any(map(_is_identity, node.args))
    return node.func.id == "identity_of" or (node.func.id in ("parsed", "made") and len(node.args) > 1)


def cuts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a text of code takes an identity apart: a method of str, a slice, a regular expression."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            cut = node.func.attr in _CUTS and _is_identity(node.func.value)
            searched = node.func.attr in _SEARCHES and any(map(_is_identity, node.args))
            if cut or searched:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Subscript) and _is_identity(node.value):
            yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize(
    "code",
    [
        "fact.identity.split('.')",
        "identity.partition(' to ')",
        "key[1].startswith('public.')",
        "fact.identity[3:]",
        "str(fact.identity).rsplit('.', 1)",
        "re.match('x', identity)",
        "_WORD.findall(fact.identity)",
        "parsed('table', name).replace('x', 'y')",
    ],
)
def test_a_cut_of_an_identity_is_found(code: str) -> None:
    assert list(cuts_of(ast.parse(code)))


def test_nothing_but_its_own_module_takes_an_identity_apart() -> None:
    """Six faults came of it: a dot, " to " or a parenthesis in a name made one object of two. Ask it for its parts instead."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {cut}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "catalog" / "names.py"
        for line, cut in cuts_of(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
