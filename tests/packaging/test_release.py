"""`make release` looks before it does anything; these are its looks, in a repository of three files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.building import CHECKOUT


class Repository:
    """A repository that would release version 0.2.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "launch").mkdir(parents=True)
        shutil.copy(CHECKOUT / "launch" / "release.sh", folder / "launch")
        (folder / "pyproject.toml").write_text('[project]\nname = "pg-deploy"\nversion = "0.2.0"\n')
        (folder / "CHANGELOG.md").write_text(
            "# Changelog\n\n## 0.2.0 - 2026-01-31\n\n- It works.\n\n## 0.1.0 - 2026-01-01\n"
        )
        self.git("init", "--quiet")
        self.commit()
        self.git("tag", "v0.1.0")

    def git(self, *words: str) -> str:
        """Run git here; what it printed."""
        who = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
        return subprocess.run(["git", *who, *words], cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def commit(self) -> None:
        """Commit all that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "As it is")

    def change(self, file: str, old: str, new: str) -> None:
        """Replace words of a file, and commit."""
        path = self.folder / file
        path.write_text(path.read_text().replace(old, new))
        self.commit()

    def release(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Look, and do nothing."""
        environment = {**os.environ, "DRY_RUN": "1", **settings}
        return subprocess.run(
            ["sh", "launch/release.sh"], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository that is ready."""
    return Repository(tmp_path / "repository")


def test_a_dry_run_says_each_step_in_order_and_does_none(repository: Repository) -> None:
    """Whoever releases for the first time wants to see it before it happens."""
    done = repository.release()
    assert done.returncode == 0, done.stderr
    steps = [line.removeprefix("release: ") for line in done.stdout.splitlines()]
    assert steps[:4] == ["make lint", "make test", "make dist", "git tag -a v0.2.0 -m pg_deploy 0.2.0"]
    assert "not uploaded" in steps[4]
    assert repository.git("tag").split() == ["v0.1.0"]


def test_it_uploads_only_if_it_is_told_to(repository: Repository) -> None:
    """What is on a package index cannot be taken back."""
    upload = "release: .venv/bin/python -m twine upload"
    assert upload in repository.release(UPLOAD="1").stdout
    assert upload not in repository.release(UPLOAD="").stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("pyproject.toml", '"0.2.0"', '"0.1.0"', "version 0.1.0 is released already"),
        ("pyproject.toml", '"0.2.0"', '"0.0.9"', "version 0.0.9 of pyproject.toml is below 0.1.0"),
        ("CHANGELOG.md", "0.2.0 - 2026-01-31", "0.2.0 - unreleased", 'begins with "0.2.0 - unreleased"'),
        ("CHANGELOG.md", "## 0.2.0 - 2026-01-31", "", 'begins with "0.1.0 - 2026-01-01"'),
    ],
)
def test_what_is_not_ready_is_refused(repository: Repository, file: str, old: str, new: str, said: str) -> None:
    """Else a tag stands on a version that nobody can tell from the one before."""
    repository.change(file, old, new)
    done = repository.release()
    assert done.returncode == 1
    assert said in done.stderr
    assert "release:" not in done.stdout


def test_a_tree_with_changes_is_refused(repository: Repository) -> None:
    """What was tested would not be what is tagged."""
    (repository.folder / "new.py").write_text("")
    done = repository.release()
    assert done.returncode == 1
    assert "not committed" in done.stderr
