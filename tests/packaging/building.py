"""Building the wheel and the sdist as `make dist` does, from this checkout or from a copy of it that claims another version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "requirements.txt"
# All that an sdist is made of.
SOURCES = ("CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "pyproject.toml", ".gitignore")
EPOCH = "1764547200"


def build(source: Path, into: Path, *kinds: str) -> dict[str, Path]:
    """Build what `kinds` names (wheel, sdist) of a folder or of an sdist; the files by kind."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    for kind in kinds:
        command = [sys.executable, "-m", "uv", "build", "--quiet", "--no-build-isolation", "--python", sys.executable]
        command += [f"--{kind}", "--out-dir", str(into), str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return {kind: next(into.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])) for kind in kinds}


def locked_version(package: str) -> str:
    """The version of a package in our lock."""
    found = re.search(rf"^{package}==(\S+)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert found
    return found[1]


def make_venv(at: Path, constraints: Path, *wanted: str) -> None:
    """A venv with pip and what is wanted, of the versions of the constraints file."""
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(at)],
        [*uv, "pip", "install", "--quiet", "--python", str(at), "-c", str(constraints), *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def copy_of_the_sources(into: Path, version: str) -> Path:
    """What the wheel is made of, claiming that version: a folder that is free to be changed."""
    into.mkdir()
    for name in SOURCES:
        shutil.copy(CHECKOUT / name, into / name)
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "plugins" / "pg_deploy", into / "plugins" / "pg_deploy", ignore=left_out)
    project = into / "pyproject.toml"
    text, times = re.subn(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text(), count=1)
    assert times == 1
    project.write_text(text)
    return into
