"""What the package says to people who installed it: they have no checkout, and so none of its make targets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.imports import PACKAGE

MAKEFILE = PACKAGE.parents[1] / "Makefile"
TARGETS = re.findall(r"^([a-z-]+):(?!=)", MAKEFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
_NAMED = re.compile(rf"\bmake ({'|'.join(sorted(TARGETS, reverse=True))})\b(?! for )")
# Commands of a checkout, which these modules are.
_OF_A_CHECKOUT = ("monitor/scaffold.py", "access/explain.py")


def _texts(tree: ast.Module, *, is_runbook: bool) -> Iterator[str]:
    """The texts of a module: each literal, an f-string as one; no docstring, but for that of a DAG, which Airflow shows."""
    documented = ast.FunctionDef | ast.ClassDef if is_runbook else ast.FunctionDef | ast.ClassDef | ast.Module
    inner = {
        id(each.body[0].value)
        for each in ast.walk(tree)
        if isinstance(each, documented) and each.body and isinstance(each.body[0], ast.Expr)
    }
    within = {id(part) for each in ast.walk(tree) if isinstance(each, ast.JoinedStr) for part in each.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner | within:
            yield node.value


def _told(package: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name not in _OF_A_CHECKOUT:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((name, text) for text in _texts(tree, is_runbook=name.startswith("dags/")))
    for pattern in ("*.yaml", "*.html", "*.md"):
        yield from (
            (path.relative_to(package).as_posix(), path.read_text(encoding="utf-8")) for path in package.rglob(pattern)
        )


def test_nobody_who_installed_the_package_is_sent_to_make() -> None:
    """The remedy of an alert at night would be "make: command not found"."""
    assert {"baseline", "refresh", "monitor", "deploy"} <= set(TARGETS)
    sent = [(name, text) for name, text in _told(PACKAGE) if _NAMED.search(text) and "checkout" not in text]
    assert sent == []


def test_the_guard_sees_texts_and_make_targets_and_passes_over_docstrings() -> None:
    """A guard that sees nothing is always green."""
    tree = ast.parse('"""Read by developers."""\nx = f"run make {y}"\nz = "run make monitor"\n')
    assert list(_texts(tree, is_runbook=False)) == ["run make {}", "run make monitor"]
    assert "Read by developers." in _texts(tree, is_runbook=True)
    assert _NAMED.search("run make monitor")
    assert not _NAMED.search("make room")
