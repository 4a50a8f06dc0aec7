"""Arrows between the rooms of the engine go one way; docs in CONTRIBUTING.md say what each room is for."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.imports import (
    ORDER,
    PACKAGE,
    against_the_order,
    circles,
    imports,
    modules_from_outside,
    packages,
    reached,
    room_of,
)

CHECKOUT = Path(__file__).resolve().parents[2]


def test_no_files_import_each_other_in_a_circle() -> None:
    """A circle is one module in several files: none of them can be read, tested or moved by itself."""
    assert circles(imports()) == []


def test_no_packages_are_knotted() -> None:
    """Two packages that need each other are one, and nobody can say which is below."""
    assert circles(packages(imports())) == []


def test_a_room_imports_only_what_is_below_it() -> None:
    """Whoever reads a migration on its way from file to ledger goes down, and does not climb."""
    assert against_the_order(imports()) == []


def test_every_room_has_its_place_in_the_order() -> None:
    """A new folder is put where it belongs, by whoever makes it."""
    assert {room_of(module) for module in imports() if module} <= set(ORDER)


def test_only_errors_lie_beside_the_packages() -> None:
    """A loose module in the root belongs to nobody."""
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "errors.py"}


_WITHOUT_ENGINE = {"errors", "configuration", "projects", "tasks", "dags", "presentation", "migrations"}
# Of the folder only the names are read, and of the ledger only the names of errors after which a task is tried again.
_ALLOWED = {"migrations.folder", "migrations.names", "migrations.errors", "migrations.strict_yaml"}
_ALLOWED |= {"ledger", "ledger.errors", "postgres", "postgres.errors"}


def test_a_dag_file_is_parsed_without_the_engine() -> None:
    """Airflow parses each file every half a minute, in a new process: the engine's five hundred modules would take most of it."""
    parsed = reached("dags")
    rooms = {module for module in parsed if module.partition(".")[0] not in _WITHOUT_ENGINE}
    assert rooms <= _ALLOWED
    assert {module for module in parsed if module.startswith("migrations.")} <= _ALLOWED
    assert {"tasks.forms", "projects.project", "dags.deploy", "tasks.deploy_steps"} <= parsed
    brought = {name for module in parsed for name in modules_from_outside(module)}
    assert not brought & {"psycopg", "postgast", "google"}
    assert {"airflow", "pydantic"} <= brought


def test_a_circle_is_seen(tmp_path: Path) -> None:
    """The rule is worth nothing if an import inside a function escapes it."""
    (tmp_path / "one.py").write_text("def late():\n    from pg_deploy import two\n")
    (tmp_path / "two.py").write_text("from pg_deploy.one import late\n")
    assert circles(imports(tmp_path)) == [("one", "two")]
    assert sorted(against_the_order(imports(tmp_path))) == [("one", "two"), ("two", "one")]


def test_contributing_names_every_package() -> None:
    """The map of rooms is what a newcomer reads first."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)/`", text))
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} <= named
