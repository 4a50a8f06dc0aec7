"""The graph of imports of plugins/pg_deploy; it counts imports inside functions and those for types only as well.

`python -m tests.house.imports` prints its figures: rooms (folders with modules), files, arrows between rooms, circles of
files, knots of packages, and arrows against the order.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "plugins" / "pg_deploy"

ORDER = (
    *(
        "errors",
        "presentation",
        "configuration",
        "grammar",
        "postgres",
        "roles",
        "parsing",
        "catalog",
        "migrations",
        "projects",
        "ledger",
        "ledger.kinds",
        "execution",
        "backup",
    ),
    *(
        "access.errors",
        "access.facts",
        "access.predicates",
        "access.engines",
        "access.proof",
        "access.sampling",
        "access",
    ),
    "workload",
    *("preflight.errors", "preflight.server", "preflight.rights", "preflight"),
    *("deployment", "rollback.generator", "rollback", "rehearsal.clones", "rehearsal", "baseline", "approval"),
    *("monitor", "reporting", "tasks", "dags", "ui"),
)
"""From the foundation up: a room imports itself and those before it. A package's errors.py is below its rooms."""


def imports(package: Path = PACKAGE, *, at_once: bool = False) -> Mapping[str, frozenset[str]]:
    """For each module below `package`, which of its modules it imports; names are relative to the package.

    `at_once` leaves out what is imported inside a function, or for types only: what remains is imported with the module.
    """
    files = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    files = {name.removesuffix("__init__").removesuffix("."): path for name, path in files.items()}
    return {name: frozenset(_imported(path, files, at_once)) - {name} for name, path in files.items()}


def reached(start: str) -> frozenset[str]:
    """The modules of the package that are imported together with this one, itself included."""
    graph = imports(at_once=True)
    with_parents = {
        name: others | {other.rpartition(".")[0] for other in (name, *others)} - {""} for name, others in graph.items()
    }
    return _reached(with_parents, start) | {start}


def modules_from_outside(module: str) -> frozenset[str]:
    """The top-level names of what a module of the package imports from elsewhere at once."""
    path = PACKAGE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = {
        name
        for node in _at_once(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return frozenset({name.partition(".")[0] for name in names} - {PACKAGE.name})


def _at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _at_once(node)


def _imported(path: Path, files: Mapping[str, Path], at_once: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_once(tree) if at_once else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == PACKAGE.name:
            module = node.module.partition(".")[2]
            for alias in node.names:
                inner = f"{module}.{alias.name}".lstrip(".")
                yield inner if inner in files else module
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.partition(".")[2] for alias in node.names if alias.name.startswith(PACKAGE.name + ".")
            )


def room_of(module: str) -> str:
    """The folder of a module; errors.py of a package that has folders is a room of its own."""
    if module in ORDER:
        return module
    return module.rpartition(".")[0] or module


def arrows(graph: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The imports from one room into another, by the two rooms."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for module, imported in graph.items():
        for other in imported:
            if module and other and room_of(module) != room_of(other):
                found.setdefault((room_of(module), room_of(other)), []).append((module, other))
    return found


def against_the_order(graph: Mapping[str, frozenset[str]]) -> list[tuple[str, str]]:
    """The imports that climb: into a room that comes later than the module's own, or into one that ORDER does not know."""
    place = {room: number for number, room in enumerate(ORDER)}
    return [
        each
        for (room, other), imported in arrows(graph).items()
        if place.get(other, len(ORDER)) > place.get(room, -1)
        for each in imported
    ]


def circles(graph: Mapping[str, frozenset[str]]) -> list[tuple[str, ...]]:
    """The largest sets of nodes that reach each other."""
    reach = {node: _reached(graph, node) for node in graph}
    found = {tuple(sorted({node, *(other for other in reach[node] if node in reach[other])})) for node in graph}
    return sorted(each for each in found if len(each) > 1)


def _reached(graph: Mapping[str, frozenset[str]], start: str) -> frozenset[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for other in graph.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return frozenset(seen)


def packages(graph: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The same graph between the packages that lie in the root."""
    found: dict[str, set[str]] = {}
    for module, imported in graph.items():
        top = module.partition(".")[0]
        found.setdefault(top, set()).update({other.partition(".")[0] for other in imported} - {top})
    return {name: frozenset(others) for name, others in found.items()}


def main() -> int:
    """Print the figures; returns 1 if there is a circle, a knot, or an arrow against the order."""
    graph = imports()
    knots, file_circles, climbing = circles(packages(graph)), circles(graph), against_the_order(graph)
    print(
        f"{len(graph)} modules in {len({room_of(each) for each in graph if each})} rooms, {len(arrows(graph))} arrows between rooms"
    )
    print(
        f"{len(file_circles)} circles of files, {len(knots)} knots of packages, {len(climbing)} arrows against the order"
    )
    for each in (*file_circles, *knots, *climbing):
        print("  " + " ".join(each))
    return 1 if file_circles or knots or climbing else 0


if __name__ == "__main__":
    sys.exit(main())
