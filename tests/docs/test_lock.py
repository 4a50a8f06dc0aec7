"""The lock: resolved for every Python that we promise, with a wheel for each, and the tests on each one that is here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
UV = (sys.executable, "-m", "uv")
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
# What differs most between versions: parsing, types, the driver, a whole run in Airflow.
TESTED = (
    "tests/core/parsing/test_statements.py",
    "tests/core/deployment/test_checks.py",
    "tests/core/preflight/test_migration_standings.py",
    "tests/core/rollback/test_rollback.py",
    "tests/core/access/test_decide.py",
    "tests/dags/test_deploy_well.py",
)

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_package_of_the_lock_has_a_wheel(version: str, platform: str) -> None:
    """A package that has to be compiled ends the first `make deploy` on a machine without a compiler."""
    command = (
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        version,
    )
    done = subprocess.run(
        [*UV, *command, "--python-platform", platform, "requirements.txt"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^[\w.-]+==", done.stdout, flags=re.MULTILINE)) > 150


def test_the_lock_is_what_requirements_in_asks_for() -> None:
    """A line in requirements.in that nobody compiled is installed by nobody."""
    lock = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", lock, flags=re.MULTILINE))
    text = (CHECKOUT / "requirements.in").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^([\w.-]+)", text, flags=re.MULTILINE))
    assert {name.lower() for name in wanted} <= locked


@cache
def interpreters() -> dict[str, str]:
    """One interpreter of each promised version that this machine has, besides the one that runs the tests."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found: dict[str, str] = {}
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        candidates = [
            *([on_path] if on_path else []),
            *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python3"))),
        ]
        for candidate in candidates if version != ours else []:
            # A shim on the PATH may stand for a version that is not switched on.
            said = subprocess.run(
                [candidate, "-c", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
            )
            if said.returncode == 0 and said.stdout.strip() == version:
                found.setdefault(version, candidate)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_and_a_run_work_on_each_interpreter_that_is_here(version: str, tmp_path: Path) -> None:
    """Debian 12 has 3.11 and Debian 13 has 3.13: what was written on one must run on the other."""
    path = interpreters().get(version)
    if path is None:
        # The tests themselves run on this one, or the machine has none; nothing is missing that could be installed by us.
        return
    python = tmp_path / "venv" / "bin" / "python"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW", "VIRTUAL"))
    }
    environment |= {"PYTHONPATH": "plugins", "DEMO_SCALE": "0.02"}
    commands = (
        [*UV, "venv", "--quiet", "--python", path, str(tmp_path / "venv")],
        [*UV, "pip", "install", "--quiet", "--python", str(python), "-r", "requirements.txt"],
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTED],
    )
    try:
        for command in commands:
            done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{version}: {done.stdout[-4000:]}{done.stderr[-2000:]}"
    finally:
        # A gigabyte each, which pytest would keep for its next three runs.
        shutil.rmtree(tmp_path / "venv", ignore_errors=True)
