"""The PostgreSQL server of the tests (that of PG_DEPLOY_BINDIR, or the newest here with pg_cron), and a folder where it may write."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.server import find_installation
from pg_deploy.postgres.programs import Programs


def installed() -> Programs:
    """The one server of all tests; the test fails if there is none."""
    found = find_installation()
    if found is None:
        pytest.fail(
            "no PostgreSQL server with pg_cron is installed: run `make test`, which installs one", pytrace=False
        )
    return found


def write_program(path: Path, body: str) -> None:
    """Write a shell script that stands in for another program."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that every account may enter and fill; gone afterwards. Pytest's own are closed to a server's account."""
    folder = Path(tempfile.mkdtemp(prefix="pg-deploy-open-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
