"""The engine's SQL names the ledger by its default; only what is marked as the engine's own is read with a project's name."""

from __future__ import annotations

import ast
from pathlib import Path

from pg_deploy.postgres.sql_files import ENGINE

WRAPPED = {"engine_text", "engine_fragment"}
# What names the default itself: its definition, settings, lists of names that are never a user's, locks, words for people.
ALLOWED = {
    "access/facts/api.py": 1,
    "catalog/reader.py": 1,
    "ledger/deployment.py": 1,
    "ledger/schema.py": 1,
    "migrations/history.py": 1,
    "migrations/our_schemas_named.py": 1,
    "monitor/slow_queries.py": 1,
    "postgres/ledger_name.py": 4,
    "preflight/server/state.py": 1,
    "projects/project.py": 2,
    "ui/projects.py": 1,
}


def _unmarked(text: str) -> list[int]:
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant):
            continue
        value = node.value
        named = (
            "deploy_ledger" in value
            if isinstance(value, str)
            else isinstance(value, bytes) and b"deploy_ledger" in value
        )
        if not named:
            continue
        above: ast.AST = node
        while above in parents and not (
            isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id in WRAPPED
        ):
            above = parents[above]
            if isinstance(above, ast.Expr) and above.value is node:
                break  # a docstring
        else:
            if not isinstance(above, ast.Call):
                lines.append(node.lineno)
    return lines


def _fragments_outside(text: str) -> list[int]:
    """Where a fragment is used outside a call of engine_text."""
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    fragments = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id == "engine_fragment"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in fragments and isinstance(node.ctx, ast.Load):
            above: ast.AST = node
            while above in parents and not (
                isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "engine_text"
            ):
                above = parents[above]
            if not isinstance(above, ast.Call):
                lines.append(node.lineno)
    return lines


def test_whatever_names_the_ledger_is_marked_as_the_engines_own() -> None:
    """One statement that is not would read and write the other project's ledger, where two share a database."""
    found = {}
    for path in sorted(ENGINE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "deploy_ledger" in text and (lines := _unmarked(text)):
            found[str(path.relative_to(ENGINE))] = len(lines)
    assert found == ALLOWED, "put the statement into engine_text(...), or the name into ALLOWED if it is none"


def test_a_part_of_a_statement_stands_inside_one_that_is_marked() -> None:
    """A part that is put into a plain text loses its mark, and nobody would see that."""
    found = {
        str(path.relative_to(ENGINE)): lines
        for path in ENGINE.rglob("*.py")
        if "engine_fragment(" in (text := path.read_text(encoding="utf-8")) and (lines := _fragments_outside(text))
    }
    assert found == {}


def test_no_sql_file_that_names_the_ledger_is_put_together_with_another() -> None:
    """`engine_sql(a) + engine_sql(b)` is plain bytes: the files of the catalog, which are joined, may not name the ledger."""
    named = [
        path
        for path in Path(ENGINE, "catalog", "sql").rglob("*.sql")
        if "deploy_ledger" in path.read_text(encoding="utf-8")
    ]
    assert named == []
    for path in ENGINE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if ".decode()" in text and "engine_sql(" in text:
            assert str(path.relative_to(ENGINE)) in ("catalog/rows.py", "execution/server_watch.py"), path


def test_the_guard_sees_a_statement_without_its_mark() -> None:
    """A guard that sees nothing is always green."""
    assert _unmarked('connection.execute("select from deploy_ledger.attempt")\n') == [1]
    assert _unmarked('X = f"select {y} from deploy_ledger.attempt"\n') == [1]
    assert _unmarked('connection.execute(engine_text(f"select {y} from deploy_ledger.attempt"))\n') == []
    assert _unmarked('"""About deploy_ledger."""\n') == []
    assert _fragments_outside('P = engine_fragment("x")\nc.execute(f"select {P}")\nc.execute(engine_text(P))\n') == [2]
