"""A file that is too large for the worker's memory is refused while it is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pg_deploy.migrations.errors import InvalidMigrationsError
from pg_deploy.migrations.migration import load_all, read_folder

_READ = """
import resource, sys
from pathlib import Path
from pg_deploy.migrations.errors import InvalidMigrationsError
from pg_deploy.migrations.folder import stamp
from pg_deploy.migrations.migration import load_all, read_folder
stamp(Path(sys.argv[1]))
try:
    load_all(read_folder(Path(sys.argv[1])))
except InvalidMigrationsError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_200_mb_are_refused_in_less_than_a_gigabyte(tmp_path: Path) -> None:
    """Parsed, they took five gigabytes: the worker was killed, and other runs on it."""
    (tmp_path / "20250101000000_seed.sql").write_text("insert into t values (1);\n" * 8_000_000)
    done = subprocess.run(
        [sys.executable, "-c", _READ, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "plugins"},
    )
    *messages, megabytes = done.stdout.splitlines()
    assert '"20250101000000_seed.sql" is 208 MB, and files above 64 MB are not read' in "\n".join(messages)
    assert int(megabytes) < 1000


def test_the_limit_of_the_environment_decides_what_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a large worker could not read a large file: the limit cannot know how much memory there is."""
    (tmp_path / "20250101000000_seed.sql").write_text(f"select '{'x' * 1_010_000}';\n")
    monkeypatch.setenv("PG_DEPLOY_LARGEST_FILE_MB", "1")
    with pytest.raises(InvalidMigrationsError, match="PG_DEPLOY_LARGEST_FILE_MB"):
        load_all(read_folder(tmp_path))
    monkeypatch.delenv("PG_DEPLOY_LARGEST_FILE_MB")
    assert len(load_all(read_folder(tmp_path))[0].statements) == 1
