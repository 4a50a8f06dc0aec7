"""A Supabase project's own migrations, as people make them: no companion, their own settings, quoting, blocks and line ends.

The fixture is a project of seventy files. What plain psql makes of them, a session a file, is what the engine must make of them.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cluster
from demo.cluster import Cluster
from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.migrations.migration import read_folder
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import preflight
from tests.core.working import working_on
from tests.looking import Database, schema_dump

LOG = logging.getLogger("tests")


@pytest.fixture
def plain(demo_cluster: Cluster, empty_database: str) -> Iterator[str]:
    """A second empty database, for psql."""
    name = "plain_psql"
    cluster.drop(demo_cluster, name)
    yield cluster.empty(demo_cluster, name)
    cluster.drop(demo_cluster, name)


def with_psql(bindir: Path, url: str, folder: Path) -> None:
    """Each file in a session of its own, as the deploying role."""
    for path in sorted(folder.glob("*.sql")):
        command = [str(bindir / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"


def schema_of(bindir: Path, url: str) -> str:
    """The schema as pg_dump writes it, without what is ours."""
    return schema_dump(bindir, url, "deploy_ledger", "supabase_migrations")


@pytest.mark.acceptance
def test_seventy_files_of_a_foreign_project_make_what_psql_makes_of_them(
    demo_cluster: Cluster, empty_database: str, plain: str, foreign_folder: Path
) -> None:
    """Else a team that points MIGRATIONS_DIR at its project gets another schema than the one it tested."""
    files = read_folder(foreign_folder)
    assert len(files) == 70
    with_psql(demo_cluster.bindir, plain, foreign_folder)
    with working_on(empty_database, foreign_folder, ends="deployed") as work:
        work.deploy()
    database = Database(empty_database)
    assert database.attempts == [(file.version, "verified") for file in files]
    assert database.history == [file.version for file in files]
    assert schema_of(demo_cluster.bindir, empty_database) == schema_of(demo_cluster.bindir, plain)
    for table in ("public.notes", "public.events", "public.cities", "public.phrases", "public.dated_iso", "audit.log"):
        assert database.value(f"select count(*) from {table}") == Database(plain).value(f"select count(*) from {table}")


def test_preflight_takes_all_of_a_foreign_project(empty_database: str, foreign_folder: Path) -> None:
    """A file that psql takes and we refuse keeps a team from the first deployment on."""
    conf = checked_conf(DeployConf, {"dry_run": True})
    who = Identity("deploy_migrations", "run", "tester")
    found = preflight(Target("target_db", empty_database), conf, foreign_folder, who, good_for=60, log=LOG)
    assert found.pinned == 0
    made = preflight(
        Target("target_db", empty_database), checked_conf(DeployConf, {}), foreign_folder, who, good_for=60, log=LOG
    )
    assert made.pinned == 70


HOSTILE = {
    # What each leaves in its session, as the Supabase CLI's diff, pg_dump and people write it.
    "20250101000000_dump_header": """set statement_timeout = 0; set lock_timeout = 0; set client_encoding = 'LATIN1';
select pg_catalog.set_config('search_path', '', false); set check_function_bodies = false; set row_security = off;
set client_min_messages = error; set default_tablespace = ''; set standard_conforming_strings = off;
create table public.a (id int)""",
    "20250102000000_dates": "set datestyle = 'German, DMY'; set intervalstyle = iso_8601; set timezone = 'Asia/Kolkata';\n"
    "create table public.b as select date '31.12.2024' as day, interval '1 day' as span;",
    "20250103000000_role": "set role authenticated; select 1;",
    "20250104000000_temporary": "create temporary table a (other text); prepare p as select 1; listen x;",
    "20250105000000_defaults": "do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());"
    " end $$;",
    "20250106000000_zone": "create table zone as select current_setting('timezone') as zone;\n",
    "20250107000000_plain": "insert into public.a values (1); create table public.ends_here (at timestamptz default now());",
}


def test_nothing_that_a_file_sets_in_its_session_is_felt_by_the_next_one(
    demo_cluster: Cluster, empty_database: str, plain: str, tmp_path: Path
) -> None:
    """A search_path that leaks puts the next file's tables elsewhere; a role that leaks makes them somebody else's."""
    for stem, sql in HOSTILE.items():
        (tmp_path / f"{stem}.sql").write_text(sql)
    with_psql(demo_cluster.bindir, plain, tmp_path)
    with working_on(empty_database, tmp_path, ends="deployed") as work:
        work.deploy()
    assert schema_of(demo_cluster.bindir, empty_database) == schema_of(demo_cluster.bindir, plain)
    assert Database(empty_database).rows("table public.zone") == [("Asia/Tokyo",)]
    assert Database(empty_database).rows("table public.b") == Database(plain).rows("table public.b")
