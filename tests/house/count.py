"""The size of the repository (`make count`): statements of Python and lines of SQL in the files that git knows, by folder.

An earlier commit is counted in a checkout of its own: `python -m tests.house.count FOLDER`.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


def statements(text: str) -> int:
    """How many statements a Python file has, without its docstrings: no way of breaking lines makes it smaller."""
    nodes = list(ast.walk(ast.parse(text)))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = sum(
        isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None for node in nodes
    )
    return sum(isinstance(node, ast.stmt) for node in nodes) - docstrings


def sql_lines(text: str) -> int:
    """How many lines of a SQL file are neither empty nor only a comment."""
    return sum(bool(line.strip()) for line in _COMMENT.sub("", text).splitlines())


_COUNTED = {".py": statements, ".sql": sql_lines}


def count(root: Path) -> dict[str, Counter[str]]:
    """Per top folder what its Python and SQL files count, of what git knows below a root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    counted: dict[str, Counter[str]] = {}
    for name in filter(None, listed.split("\0")):
        path = root / name
        if (measure := _COUNTED.get(path.suffix)) and path.is_file():
            counted.setdefault(name.split("/")[0], Counter())[path.suffix] += measure(path.read_text(errors="replace"))
    return counted


def main() -> None:
    counted = count(Path(*sys.argv[1:2]))
    print(f"{'folder':<12}{'statements':>12}{'lines of SQL':>14}{'both':>8}")
    for folder, counts in [*sorted(counted.items()), ("all", sum(counted.values(), Counter()))]:
        print(f"{folder:<12}{counts['.py']:>12}{counts['.sql']:>14}{counts.total():>8}")


if __name__ == "__main__":
    main()
