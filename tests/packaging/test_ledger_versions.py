"""Two versions of the package on one database: the newer one moves the ledger up, the older one then refuses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pg_deploy.ledger import attempt, schema
from pg_deploy.ledger.errors import LedgerTooNewError
from pg_deploy.postgres.session import Target
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database
from tests.packaging.building import build, copy_of_the_sources

# What a run of the newer version does first, and what its report and its rollback read.
NEWER = """
import sys
from importlib.metadata import version

import pg_deploy
from pg_deploy.ledger import attempt, deployment, schema
from pg_deploy.postgres.session import Target

assert pg_deploy.__file__.startswith(sys.argv[1]), pg_deploy.__file__
with Target("target_db", sys.argv[2]).session("newer") as connection:
    schema.ensure(connection)
    schema.ensure(connection)
    found = attempt.latest(connection, "20250101000000")
    print(version("pg-deploy"), found.state.value, found.stem)
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder in which the next version is installed, from its wheel: it has one revision of the ledger more."""
    sources = copy_of_the_sources(tmp_path / "sources", "0.2.0")
    known = max(int(path.name[:4]) for path in (sources / "plugins/pg_deploy/ledger/sql").glob("*.sql"))
    revision = sources / "plugins" / "pg_deploy" / "ledger" / "sql" / f"{known + 1:04}_mood.sql"
    revision.write_text("alter table deploy_ledger.deployment add column mood text not null default 'calm';\n")
    wheel = build(sources, tmp_path / "dist", "wheel")["wheel"]
    place = tmp_path / "installed"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


def _run_newer(place: Path, url: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", NEWER, str(place), url],
        env={**environment, "PYTHONPATH": str(place)},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_newer_version_moves_the_ledger_up_and_the_older_one_refuses_it(
    newer: Path, empty_database: str, tmp_path: Path
) -> None:
    """Who goes back to the version before, or has two Airflows on one database, must not write what the newer one cannot read."""
    folder, target = tmp_path / "migrations", Target("target_db", empty_database)
    write_migration(
        folder, "20250101000000_make_t", "create table public.t (id int);\n", rollback="drop table public.t;\n"
    )
    with working_on(empty_database, folder, ends="deployed", benchmark=False) as work:
        work.apply()
    database = Database(empty_database)
    revision = database.value("select max(number) from deploy_ledger.revision")
    kept = database.rows("select id, actor, state from deploy_ledger.deployment")

    said = _run_newer(newer, empty_database)

    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == ["0.2.0", "applied", "20250101000000_make_t"]
    assert database.rows("select number from deploy_ledger.revision order by number")[-1] == (revision + 1,)
    assert database.rows("select id, actor, state from deploy_ledger.deployment") == kept
    assert database.value("select distinct mood from deploy_ledger.deployment") == "calm"

    with target.session("older") as connection, pytest.raises(LedgerTooNewError) as refused:
        schema.ensure(connection)
    assert str(refused.value) == (
        f'the ledger "deploy_ledger" has revision {revision + 1}, this engine knows {revision}; upgrade pg_deploy before deploying'
    )
    with pytest.raises(LedgerTooNewError), working_on(empty_database, folder):
        raise AssertionError("the older version began")
    assert database.rows("select id, actor, state from deploy_ledger.deployment") == kept
    with target.session("older") as connection:
        # Looking back is not refused: what was deployed can still be read.
        found = attempt.latest(connection, "20250101000000")
    assert found is not None
    assert found.stem == "20250101000000_make_t"
