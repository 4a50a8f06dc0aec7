"""The library checks no stack: a text that is too deep must be an error, and never the end of the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.nodes import Node, walked
from pg_deploy.grammar.parser import loaded, parse_sql, parse_sql_json
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.errors import SqlSyntaxError
from pg_deploy.parsing.splitting import parse

MANY = 100_000
DEEP = {
    "chain": "select " + "a || " * MANY + "a",
    "shortest chain": "select " + "1|" * MANY + "1",
    "parentheses": "select " + "(" * MANY + "1" + ")" * MANY,
    "signs": "select " + "- " * MANY + "1",
    "not": "select " + "not " * MANY + "a",
    "arrays": "select array" + "[" * MANY + "1" + "]" * MANY,
    "arrays, as deep as can be": "select array" + "[" * 9900 + "1" + "]" * 9900,
    "subqueries": "select " + "(select " * MANY + "1" + ")" * MANY,
    "subqueries in from": "select * from " + "(select * from " * MANY + "a" + ") x" * MANY,
    "case": "select " + "case when a then " * MANY + "1" + " end" * MANY,
    "calls": "select " + "f(" * MANY + "1" + ")" * MANY,
    "rows": "select " + "(1," * MANY + "1" + ")" * MANY,
    "fields": "select " + "(" * 9900 + "a" + ").b" * 9900,
    "casts": "select a" + "::t" * MANY,
    "zones": "select a" + " at local" * MANY,
    "collations": "select a" + " collate c" * MANY,
    "unions": "select 1" + " union select 1" * MANY,
    "joins": "select from a" + " cross join a" * MANY,
    "with": "with x as (" * MANY + "select 1" + ") select 1" * MANY,
    "open": "(" * MANY,
    "comments": "/* " * MANY,
}
BODY = "create function f() returns int language plpgsql as $$ begin {} end $$"
BODIES = {
    "blocks": BODY.format("begin " * MANY + "null;" + "end;" * MANY),
    "if": BODY.format("if a then " * MANY + "null;" + "end if;" * MANY),
    "loops": BODY.format("loop " * MANY + "null;" + "end loop;" * MANY),
    "elsif": BODY.format("if a then null; " + "elsif a then null;" * 5_000 + "end if;"),
    "case": BODY.format("case when a then " * MANY + "null;" + "end case;" * MANY),
    "chain": BODY.format("return " + "a||" * MANY + "a;"),
}
# On the usual stack of a thread, in a process of its own: were it to end, the test says so instead of pytest.
_TRIED = """
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_plpgsql, parse_sql, scan, split
from tests.core.grammar.test_depth import BODIES, DEEP
few = {name: DEEP[name] for name in ('chain', 'comments')}
for texts, read in ((DEEP, parse_sql), (BODIES, parse_plpgsql), (few, split), (few, scan)):
    for name, text in texts.items():
        try:
            read(text)
            print(name, "read")
        except ParseError as error:
            print(name, error.args[0].split(" at ")[0])
"""


@pytest.mark.acceptance
def test_no_text_ends_the_process() -> None:
    """A migration, a policy or a statement in pg_stat_activity would take the worker with it."""
    project = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _TRIED],
        cwd=project,
        env={"PYTHONPATH": "plugins:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    assert "chain stack depth limit exceeded" in done.stdout
    assert "case memory exhausted" in done.stdout
    assert len(done.stdout.splitlines()) == len(DEEP) + len(BODIES) + 4


@pytest.mark.parametrize("name", ["chain", "joins"])
def test_what_is_too_deep_is_refused_as_postgresql_refuses_it(name: str) -> None:
    """The person gets PostgreSQL's own words."""
    with pytest.raises(TooDeepError, match="stack depth limit exceeded") as refused:
        parse_sql(DEEP[name])
    assert refused.value.args == ("stack depth limit exceeded", None)


def test_a_file_that_is_too_deep_is_a_fault_of_the_file() -> None:
    """With its name and line, as for other faults."""
    with pytest.raises(SqlSyntaxError, match="stack depth limit exceeded"):
        parse(DEEP["chain"], file="x.sql")


def test_what_somebody_writes_is_read() -> None:
    """Generated conditions are chains of thousands."""
    tree = loaded(parse_sql_json("select " + "a || " * 15_000 + "a"))
    assert len(tree["stmts"]) == 1
    (raw,) = parse_sql("select " + "a || " * 15_000 + "a")
    assert sum(isinstance(node, ast.A_Expr) for node in walked(raw)) == 15_000
    assert parse("select " + "a || " * 5_000 + "a", file="x.sql")[0].line == 1


def test_a_deep_tree_is_loaded_as_a_shallow_one() -> None:
    """The reader of deep trees is ours, and must say what json says."""
    plain = r"""select 'a"\b{}[],:' || E'\n\u00e4' as "x:[", 1.5, -3, true, null, b'0', $1 from a"""
    written = parse_sql_json(plain)
    deep = "[" * 2000 + written + "]" * 2000
    found = loaded(deep)
    for _ in range(2000):
        (found,) = found
    assert found == loaded(written)


def test_a_stack_that_cannot_be_had_is_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is limited, the text is refused instead of the process."""

    def no_room(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_room)
    with pytest.raises(ParseError, match="stack depth limit exceeded"):
        parse_sql("select " + "a, " * 5000 + "a")
    assert threading.stack_size() == 0


def _chain(levels: int) -> Node:
    node: Node = ast.ColumnRef(fields=(ast.String(sval="a"),))
    for _ in range(levels):
        node = ast.TypeCast(arg=node, typeName=ast.TypeName(names=(ast.String(sval="t"),), typemod=-1))
    return node


def test_a_deep_tree_prints_or_is_refused() -> None:
    """The printer takes more of the stack than the parser."""
    assert printed(_chain(3_000)).count("::t") == 3_000
    with pytest.raises(TooDeepError):
        printed(_chain(MANY))
    arrays: Node = ast.ColumnRef(fields=(ast.String(sval="a"),))
    for _ in range(3_000):
        arrays = ast.SubLink(subLinkType=4, subselect=ast.SelectStmt(targetList=(ast.ResTarget(val=arrays),)))
    with pytest.raises(TooDeepError):
        printed(arrays)
