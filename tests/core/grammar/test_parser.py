"""Reading, scanning, splitting and printing through libpg_query."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from pg_deploy.grammar import ast, enums, library
from pg_deploy.grammar.errors import ParseError, PrintError
from pg_deploy.grammar.nodes import Node, walked
from pg_deploy.grammar.parser import parse_plpgsql, parse_sql, parse_sql_json, scan, split
from pg_deploy.grammar.printer import printed

PROJECT = Path(__file__).resolve().parents[3]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _corpus() -> list[Node]:
    texts = [path.read_text(encoding="utf-8") for path in sorted((PROJECT / "sql").rglob("*.sql"))]
    for path in sorted((PROJECT / "tests" / "cases" / "access").glob("*.yaml"))[::6]:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            texts += [text for text in _strings(document) if " " in text]
    statements: list[Node] = []
    for text in texts:
        try:
            statements += [raw.stmt for raw in parse_sql(text) if raw.stmt is not None]
        except ParseError:
            continue
    return statements


def test_expressions_types_and_indexes_print_as_what_they_are() -> None:
    """That is what the engine prints: a predicate that prints as another one would be proved instead of it."""
    tried = 0
    for statement in _corpus():
        for node in walked(statement):
            if isinstance(node, ast.IndexStmt):
                (again,) = parse_sql(printed(node))
                assert again.stmt == node
            elif isinstance(node, (ast.A_Expr, ast.BoolExpr, ast.SubLink, ast.FuncCall, ast.CaseExpr, ast.TypeCast)):
                (again,) = parse_sql(f"select {printed(node)}")
                assert isinstance(again.stmt, ast.SelectStmt)
                assert (again.stmt.targetList or ())[0].val == node
            elif isinstance(node, ast.TypeName) and not node.setof:
                (again,) = parse_sql(f"select null::{printed(node)}")
                assert isinstance(again.stmt, ast.SelectStmt)
                cast = (again.stmt.targetList or ())[0].val
                assert isinstance(cast, ast.TypeCast)
                assert cast.typeName == node
            else:
                continue
            tried += 1
    assert tried > 2000


def test_a_tree_holds_what_is_written() -> None:
    """Fields have PostgreSQL's names, lists are tuples, what is not written has its default."""
    (raw,) = parse_sql("select a.b, '', 1 from only s.a where x is not distinct from 1.5 and b'1' = $1")
    query = raw.stmt
    assert isinstance(query, ast.SelectStmt)
    column, empty, one = (target.val for target in query.targetList or ())
    assert column == ast.ColumnRef(fields=(ast.String(sval="a"), ast.String(sval="b")))
    assert empty == ast.A_Const(val=ast.String(sval=""))
    assert one == ast.A_Const(val=ast.Integer(ival=1))
    (table,) = query.fromClause or ()
    assert isinstance(table, ast.RangeVar)
    assert (table.schemaname, table.relname, table.inh, table.alias) == ("s", "a", False, None)
    assert isinstance(query.whereClause, ast.BoolExpr)
    assert query.whereClause.boolop == enums.BoolExprType.AND_EXPR
    assert query.op is enums.SetOperation.SETOP_NONE
    assert query.havingClause is None


def test_a_node_has_no_other_fields() -> None:
    """A typing error in a field's name must not pass as "nothing there"."""
    with pytest.raises(AttributeError, match="ColumnRef has no field field"):
        ast.ColumnRef(field=())
    with pytest.raises(AttributeError):
        _ = ast.ColumnRef().field  # type: ignore[attr-defined]


def test_a_copy_is_a_tree_of_its_own() -> None:
    """Rewriting a copy must not change the tree in the cache."""
    (raw,) = parse_sql("select a")
    other = copy.deepcopy(raw)
    assert other == raw
    assert isinstance(other.stmt, ast.SelectStmt)
    other.stmt.all = True
    assert other != raw
    shallow = copy.copy(raw)
    shallow.stmt = None
    assert raw.stmt is not None


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("select )", 'syntax error at or near ")"', 7),
        ("select 'ä', ö )", 'syntax error at or near ")"', 14),
        ("/* 😀 */ select 'é'; selekt", 'syntax error at or near "selekt"', 20),
        ("select 1 from", "syntax error at end of input", None),
        ("select 'ä", 'unterminated quoted string at or near "\'ä"', 7),
        ("select 1;\0 drop table a", "a NUL character", 9),
    ],
)
def test_an_error_says_where(text: str, message: str, place: int | None) -> None:
    """The caret stands under the word at fault, counted in characters."""
    with pytest.raises(ParseError) as refused:
        parse_sql(text)
    assert refused.value.args == (message, place)


def test_a_lone_surrogate_is_no_text() -> None:
    """It has no bytes in UTF-8."""
    for read in (parse_sql, parse_sql_json, scan, split, parse_plpgsql):
        with pytest.raises(UnicodeEncodeError):
            read("select '\ud800'")


def test_tokens_have_places_in_characters() -> None:
    """What is cut out of a text by its tokens must be what they are."""
    text = "sélect /* ä */ \"Ö\" || $1 -- 😀\n+ 'é' {"
    assert [(text[token.start : token.end + 1], token.name) for token in scan(text)] == [
        ("sélect", "IDENT"), ("/* ä */", "C_COMMENT"), ('"Ö"', "IDENT"), ("||", "Op"), ("$1", "PARAM"),
        ("-- 😀", "SQL_COMMENT"), ("+", "ASCII_43"), ("'é'", "SCONST"), ("{", "UNKNOWN"),
    ]  # fmt: skip
    assert scan("") == []
    many = "select a from b where c = 'x';\n" * 3000
    assert [many[token.start : token.end + 1] for token in scan(many)][-2:] == ["'x'", ";"]


def test_a_text_is_cut_where_statements_end() -> None:
    """Bodies and comments are not cut."""
    text = "  select 'ä;' ; create function f() returns int as 'select 1;' language sql;\n-- b\nselect 2 ;; "
    assert [text[piece] for piece in split(text)] == [
        "select 'ä;'", "create function f() returns int as 'select 1;' language sql", "-- b\nselect 2",
    ]  # fmt: skip


def test_a_body_of_plpgsql_is_read() -> None:
    """What a function does is read from its body."""
    (tree,) = parse_plpgsql("create function f() returns int language plpgsql as $$ begin return 1 + 1; end $$")
    assert "1 + 1" in json.dumps(tree)
    with pytest.raises(ParseError, match="syntax error"):
        parse_plpgsql("create function f() returns int language plpgsql as $$ begin raise; $$")


def test_what_cannot_be_printed_is_no_fault_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree is made by us: whoever catches a text's faults must not take it for one."""

    def refuse(_: object) -> str:
        raise ParseError("unexpected node", None)

    monkeypatch.setattr(library, "deparse", refuse)
    with pytest.raises(PrintError, match="the tree cannot be printed: unexpected node"):
        printed(ast.ColumnRef(fields=(ast.String(sval="a"),)))


def test_threads_do_not_disturb_each_other() -> None:
    """Airflow's workers and pages parse at the same time; large texts have stacks of their own."""
    texts = [f"select {'a || ' * count}'ä{count}' from t{count}" for count in (0, 5, 3000, 5000)]
    alone = [parse_sql_json(text) for text in texts]

    def again(turn: int) -> bool:
        number = turn % len(texts)
        with pytest.raises(ParseError):
            parse_sql("selekt")
        return parse_sql_json(texts[number]) == alone[number] and len(scan(texts[number])) > 3

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(again, range(64)))
