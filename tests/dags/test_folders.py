"""Each folder of tests/cases/files as a whole deployment, with plain psql beside it: a new case is a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.cluster import Cluster
from tests.folders.case import cases_in
from tests.folders.running import run_case
from tests.long import only_quick

FOLDERS = Path(__file__).resolve().parents[1] / "cases" / "files"
# Folders whose expect.yaml says that they take long, or that a quicker folder of their kind shows the same.
LONG = {path.parent.name for path in FOLDERS.glob("*/expect.yaml") if "long: true" in path.read_text()}

NAMES = sorted(path.name for path in FOLDERS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", only_quick(NAMES, set(NAMES) - LONG))
def test_a_folder_does_what_its_readme_says(demo_cluster: Cluster, name: str, tmp_path: Path) -> None:
    """People's folders run as psql runs them, or are refused in words that help."""
    for case in cases_in(FOLDERS / name, scratch=tmp_path):
        for outcome in run_case(demo_cluster, case):
            assert outcome.wrong == (), outcome.log[-6000:]


def test_every_folder_says_what_must_happen() -> None:
    """A case without an expectation passes whatever happens."""
    assert [path.name for path in FOLDERS.iterdir() if path.is_dir() and not (path / "expect.yaml").is_file()] == []
