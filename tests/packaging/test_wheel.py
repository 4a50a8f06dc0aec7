"""What is in the wheel and the sdist, and what their metadata promises."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path

import pytest

from pg_deploy.configuration.own_files import default_migrations, own_files
from pg_deploy.deployment.lints import lints
from pg_deploy.monitor.measures import measure_files
from pg_deploy.monitor.thresholds import DEFAULTS, thresholds_file
from pg_deploy.roles.__main__ import main as print_role
from tests.packaging.building import CHECKOUT, build

PACKAGE = CHECKOUT / "plugins" / "pg_deploy"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheel and the sdist of this checkout."""
    return build(CHECKOUT, tmp_path_factory.mktemp("dist"), "sdist", "wheel")


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def _metadata(wheel: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (each for each in opened.namelist() if each.endswith(".dist-info/METADATA"))
        return Parser().parsestr(opened.read(name).decode()).items()


def test_the_wheel_holds_the_package_whole_and_nothing_else(built: Mapping[str, Path]) -> None:
    """A query that is left out fails at night on a worker; a test that is let in is run by somebody's pytest."""
    names = _names(built["wheel"])
    outside = [name for name in names if not name.startswith("pg_deploy/") and ".dist-info/" not in name]
    assert outside == []
    ours = {
        f"pg_deploy/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("pg_deploy/")} == ours
    assert not [name for name in names if re.search(r"(^|/)(tests?|demo|conftest|migrations/\d{14})", name)]


def test_the_sdist_builds_the_same_wheel_byte_for_byte(built: Mapping[str, Path], tmp_path: Path) -> None:
    """Whoever builds from the sdist, as distributions and some companies do, must get what was tested."""
    again = build(built["sdist"], tmp_path, "wheel")
    assert again["wheel"].name == built["wheel"].name
    assert again["wheel"].read_bytes() == built["wheel"].read_bytes()


def test_the_metadata_is_complete_and_its_dependencies_are_ranges(built: Mapping[str, Path]) -> None:
    """An exact pin would refuse to stand beside the packages of an Airflow that a team runs already."""
    found = _metadata(built["wheel"])
    keys = {key for key, _ in found}
    assert {
        "Summary",
        "License-Expression",
        "License-File",
        "Requires-Python",
        "Classifier",
        "Description-Content-Type",
    } <= keys
    needed = [value for key, value in found if key == "Requires-Dist" and "extra ==" not in value]
    assert [each for each in needed if "==" in each] == []
    assert [each for each in needed if not re.search(r"[<>]", each)] == []
    named = {re.match(r"[\w-]+", each)[0] for each in needed}  # type: ignore[index]
    assert not named & {"apache-airflow-providers-celery", "apache-airflow-providers-fab", "celery", "redis"}


def test_the_package_imports_only_what_its_metadata_names(built: Mapping[str, Path]) -> None:
    """In our own set-up every package of the lock is there, so an import that nobody declared is missed by a team first."""
    named = {
        re.match(r"[\w-]+", value)[0].lower()  # type: ignore[index]
        for key, value in _metadata(built["wheel"])
        if key == "Requires-Dist" and "extra ==" not in value
    }
    distributions = {"airflow": "apache-airflow", "yaml": "pyyaml", "prometheus_client": "prometheus-client"}
    # Airflow's own: its pages and its metadata are made with them, in the version that it wants.
    with_airflow = {"fastapi", "sqlalchemy"}
    with_pydantic = {"pydantic_core"}
    imported = {
        name.partition(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
    }
    foreign = imported - set(sys.stdlib_module_names) - {"pg_deploy"} - with_airflow - with_pydantic
    assert {distributions.get(name, name) for name in foreign} - named == set()
    assert {"airflow", "psycopg"} <= foreign
    assert "postgast" in named  # found without an import: grammar/schema.py


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_the_lowest_airflow_that_is_promised_is_the_one_that_is_tested(built: Mapping[str, Path]) -> None:
    """A minor that nobody ran would be promised, or one that works refused."""
    (airflow,) = (
        value
        for key, value in _metadata(built["wheel"])
        if key == "Requires-Dist" and re.match("apache-airflow[<>]", value)
    )
    assert set(airflow.removeprefix("apache-airflow").split(",")) == {">=3.1", "<4"}
    assert (CHECKOUT / "tests" / "packaging" / "airflow-3.1.txt").is_file()


def test_what_a_team_installs_finds_nothing_of_this_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beside site-packages lies whatever else the machine has: it is no project of anybody's."""
    for name in ("PG_DEPLOY_PROJECT", "PG_DEPLOY_THRESHOLDS", "MIGRATIONS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pg_deploy.configuration.own_files._PLUGINS", tmp_path / "site-packages")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    assert own_files() is None
    assert default_migrations() == tmp_path / "airflow" / "migrations"
    assert thresholds_file() == DEFAULTS
    assert {file.parent for file in measure_files()} == {PACKAGE / "monitor" / "sql"}


def test_a_projects_own_files_are_found_by_the_setting_or_beside_its_migrations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else a team's own limits and lints are silently not in force."""
    shop, other = tmp_path / "shop", tmp_path / "other"
    for folder in (shop, other):
        for name in ("monitors", "lints", "migrations"):
            (folder / name).mkdir(parents=True)
        (folder / "monitors" / "thresholds.yaml").write_text("retention: 1 d\n")
        (folder / "monitors" / f"of_{folder.name}.sql").write_text("select 1")
        (folder / "lints" / f"lint_of_{folder.name}.sql").write_text("select 1")
    monkeypatch.delenv("PG_DEPLOY_PROJECT", raising=False)
    monkeypatch.delenv("PG_DEPLOY_THRESHOLDS", raising=False)
    monkeypatch.setattr("pg_deploy.configuration.own_files._PLUGINS", tmp_path / "site-packages")
    monkeypatch.setenv("MIGRATIONS_DIR", str(other / "migrations"))
    assert own_files() == other
    monkeypatch.setenv("PG_DEPLOY_PROJECT", str(shop))
    assert own_files() == shop
    assert own_files(other) == other
    monkeypatch.delenv("MIGRATIONS_DIR")
    assert default_migrations() == shop / "migrations"
    assert thresholds_file() == shop / "monitors" / "thresholds.yaml"
    assert thresholds_file(other) == other / "monitors" / "thresholds.yaml"
    assert "of_shop" in {file.stem for file in measure_files()}
    assert "lint_of_shop" in lints()
    assert "lint_of_other" in lints(other)
    assert "lint_of_shop" not in lints(other)


def test_the_scripts_of_roles_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A superuser without this repository has no sql/roles."""
    for name in ("deployer", "monitor"):
        assert print_role([name]) == 0
        assert capsys.readouterr().out == (CHECKOUT / "sql" / "roles" / f"{name}.sql").read_text()
    assert print_role([]) == 2
    assert "deployer | monitor" in capsys.readouterr().err
