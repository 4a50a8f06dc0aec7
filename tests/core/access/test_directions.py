"""An access.yaml of before says which way by a command, and stays what its author wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.access.directions import main
from pg_deploy.migrations.access_file import read_access_file

BEFORE = """# why this is meant
changed:
  - role: [authenticated]
    object: public.orders
    command: select    # reading only
    why: members read the archive
  - {role: anon, object: "public.a: b", command: [select], why: "x, why: y"}
  - {role: anon, object: public.c, command: [select], direction: lost, why: gone}
opened:
  - {role: anon, object: public.d, command: [select], why: new}
"""
AFTER = """# why this is meant
changed:
  - role: [authenticated]
    object: public.orders
    command: select    # reading only
    direction: both
    why: members read the archive
  - {role: anon, object: "public.a: b", command: [select], direction: both, why: "x, why: y"}
  - {role: anon, object: public.c, command: [select], direction: lost, why: gone}
opened:
  - {role: anon, object: public.d, command: [select], why: new}
"""


def test_entries_without_a_direction_get_the_one_that_they_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the warning stays for years, or somebody rewrites the file by hand and drops a reason."""
    companion = tmp_path / "1_a"
    companion.mkdir()
    (companion / "access.yaml").write_text(BEFORE)
    meant = read_access_file(companion)
    assert main([str(tmp_path)]) == 0
    assert (companion / "access.yaml").read_text() == AFTER
    assert "2 entries" in capsys.readouterr().out
    assert [entry.direction for entry in read_access_file(companion).changed] == ["both", "both", "lost"]
    assert read_access_file(companion).opened == meant.opened
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_a_file_that_is_none_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that rewrites what it cannot read loses it."""
    companion = tmp_path / "1_a"
    companion.mkdir()
    (companion / "access.yaml").write_text("changed: [{role: x}]\n")
    assert main([str(tmp_path)]) == 2
    assert "access.yaml" in capsys.readouterr().err
    assert (companion / "access.yaml").read_text() == "changed: [{role: x}]\n"
