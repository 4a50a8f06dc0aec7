"""Follow a function of the engine as its reader does: into every function that it calls, each once, in the order of the text.

`python -m tests.house.walk deployment.apply apply` prints the files in the order in which they are opened, and how often the
reader goes back into a file that was open before, to read on there. What is called through a value is not followed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.house.imports import PACKAGE

Function = tuple[str, str]
"""The module, relative to the package, and the function's name."""


@dataclass
class Walk:
    """The modules in the order in which they are read; one that is gone back to stands there again."""

    path: list[str] = field(default_factory=list)

    def enter(self, module: str) -> None:
        """Read on in `module`."""
        if self.path[-1:] != [module]:
            self.path.append(module)

    @property
    def files(self) -> tuple[str, ...]:
        """Each module once."""
        return tuple(dict.fromkeys(self.path))

    @property
    def returns(self) -> int:
        """How often a module was entered again."""
        return len(self.path) - len(self.files)


class Text:
    """The functions of a package, and what names stand for in each of its modules."""

    def __init__(self, package: Path) -> None:
        paths = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
        trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in paths.items()}
        self.functions = {
            (module, node.name): node
            for module, tree in trees.items()
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
        }
        self.imported = {module: dict(_imported(tree, trees.keys())) for module, tree in trees.items()}

    def called(self, function: Function) -> Iterator[Function]:
        """The functions that the text of one names, in the order in which they would be called."""
        module, _ = function
        for node in _in_order(self.functions[function]):
            target = None
            if isinstance(node, ast.Name):
                target = self.imported[module].get(node.id, (module, node.id))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                other = self.imported[module].get(node.value.id)
                target = (other[0], node.attr) if other and not other[1] else None
            if target in self.functions:
                yield target


def _imported(tree: ast.Module, modules: Container[str]) -> Iterator[tuple[str, Function]]:
    """What imported names stand for: a function, or, with no name of its own, a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == PACKAGE.name:
            module = node.module.partition(".")[2]
            for alias in node.names:
                inner = f"{module}.{alias.name}".lstrip(".")
                yield alias.asname or alias.name, (inner, "") if inner in modules else (module, alias.name)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """What a function does before what it does with that: arguments come before the call."""
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
    yield node


def follow(start: Function, package: Path = PACKAGE) -> Walk:
    """The walk that begins in one function."""
    text, walk, seen = Text(package), Walk(), {start}

    def read(function: Function) -> None:
        walk.enter(function[0])
        for called in text.called(function):
            if called not in seen:
                seen.add(called)
                read(called)
                walk.enter(function[0])

    read(start)
    return walk


def main(module: str, name: str) -> int:
    """Print the walk."""
    walk = follow((module, name))
    print(f"{len(walk.files)} files, {walk.returns} times back: {' '.join(walk.files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
