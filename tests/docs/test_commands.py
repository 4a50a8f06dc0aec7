"""Every command of README and how-tos, run in a clone as somebody would who follows them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import psycopg
import pytest

from pg_deploy.migrations.migration import read_folder
from pg_deploy.postgres.programs import server_programs
from tests.core.test_foreign_project import schema_of, with_psql
from tests.docs.reading import CHECKOUT, Block, blocks
from tests.looking import Database

pytestmark = pytest.mark.acceptance

# `make monitor` exits 1 while an alert is open, and a demo target on a busy machine may have one.
MAY_EXIT_1 = ("make monitor",)
# These run the tests themselves, this one among them.
THEMSELVES = ("make test", "make acceptance", "make faults", "make bench")
MIGRATIONS = {
    "20230101080000_make_a": "create table public.a (id int);\n",
    "20230201080000_make_b": "create table public.b (id int);\n",
    "20230301080000_make_c": "create table public.c (id int primary key, b int);\n",
}
URL = "postgresql://user:password@host:5432/database"
FOLDER = "/path/to/supabase/migrations"


class Clone:
    """A clone of this checkout, with its own Airflow and demo target."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run it as a person would, in the clone's folder."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """What is committed, cloned; its servers are ended afterwards."""
    folder = tmp_path_factory.mktemp("clone") / "pg_deploy"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    ours = {"CONF", "TARGET_URL", "MIGRATIONS_DIR", "AIRFLOW_PORT", "DEMO_PORT", "PYTHONPATH", "AIRFLOW_HOME"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("MAKE", "AIRFLOW_"))
    }
    made = Clone(folder, {**kept, "DEMO_SCALE": "0.02"})
    try:
        yield made
    finally:
        made.run("make down")
        made.run("env PYTHONPATH=plugins .venv/bin/python -m demo destroy")
        shutil.rmtree(folder, ignore_errors=True)


def _empty(clone: Clone, name: str) -> str:
    """A new database with Supabase's own things and nobody's tables; the deploying role's URL."""
    admin, deployer = (clone.run(f"make -s {target}").stdout.strip() for target in ("demo-admin-url", "demo-url"))
    with psycopg.connect(re.sub(r"/demo$", "/postgres", admin), autocommit=True) as connection:
        connection.execute(f"create database {name} owner postgres template supabase_empty")
    return re.sub(r"/demo$", f"/{name}", deployer)


def _theirs(clone: Clone, folder: Path, name: str) -> tuple[str, Path]:
    """A new database of somebody's own, and their migrations."""
    migrations = folder / name
    migrations.mkdir()
    for stem, text in MIGRATIONS.items():
        (migrations / f"{stem}.sql").write_text(text)
    return _empty(clone, name), migrations


def test_make_deploy_brings_a_project_of_seventy_files_into_an_empty_database(
    clone: Clone, foreign_folder: Path
) -> None:
    """It is the first thing that a team with a Supabase project tries, with the backup and the rehearsal that are the default."""
    done = clone.run("make reset")
    assert done.returncode == 0, done.stdout
    ours, plain = _empty(clone, "seventy"), _empty(clone, "seventy_by_psql")
    done = clone.run(f"make deploy TARGET_URL={ours} MIGRATIONS_DIR={foreign_folder}")
    assert done.returncode == 0, done.stdout[-5000:]
    with psycopg.connect(ours) as connection:
        bindir = server_programs(connection.info.server_version // 10000).bindir
    with_psql(bindir, plain, foreign_folder)
    assert schema_of(bindir, ours) == schema_of(bindir, plain)
    versions = [file.version for file in read_folder(foreign_folder)]
    assert Database(ours).attempts == [(version, "verified") for version in versions]
    assert Database(ours).history == versions
    rehearsed = "select count(*) from deploy_ledger.evidence where kind = 'rehearsal' and outcome = 'passed'"
    assert Database(ours).value(rehearsed) == len(versions) == 70


def test_every_command_of_the_books_does_what_they_say(clone: Clone, tmp_path: Path) -> None:
    """Whoever follows a how-to to its end must not be the first one."""
    wanted = [block for block in blocks() if not block.reason]
    assert len(wanted) >= 10
    for command in ("make reset", "make help"):
        done = clone.run(command)
        assert done.returncode == 0, done.stdout
    for number, (_, group) in enumerate(groupby(wanted, key=lambda block: block.book)):
        url, migrations = _theirs(clone, tmp_path, f"theirs_{number}")
        for block in group:
            for command in block.commands:
                _run(clone, block, command.replace(URL, url).replace(FOLDER, str(migrations)))


def _run(clone: Clone, block: Block, command: str) -> None:
    words = command.split("#", maxsplit=1)[0].strip()
    if words in THEMSELVES:
        return
    done = clone.run(command)
    allowed = {0, 1} if words in MAY_EXIT_1 else {0}
    shown = re.sub(r"(://[^:/@\s]*:)\S+@", r"\1***@", f"{block.name}: {command}\n{done.stdout[-5000:]}")
    assert done.returncode in allowed, shown
    if words.startswith("make new-"):
        # A scaffold is refused until somebody has written it.
        clone.run("git clean -fdq && git checkout -q .")
