"""The history is shared with the Supabase CLI: what we deployed or adopted, the real CLI takes for applied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.building import FIXTURES
from tests.dags.harness import run_dag

pytestmark = pytest.mark.acceptance

VERSION = "3.1.0"
OURS = Path(__file__).resolve().parents[2] / "sql" / "migrations"


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The CLI of npm, in a folder of its own: about 140 MB, gone with the other temporary files."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is missing: run `make acceptance-packages`")
    home = tmp_path_factory.mktemp("supabase-cli")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", f"supabase@{VERSION}"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        pytest.fail(f"`npm install supabase@{VERSION}` failed: {done.stderr[-2000:]}", pytrace=False)
    yield home / "node_modules" / ".bin" / "supabase"
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Supabase project; its migrations folder is ours."""
    folder = tmp_path / "project" / "supabase"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('project_id = "test"\n')
    return folder.parent


def run(cli: Path, project: Path, url: str, *arguments: str) -> str:
    """What the CLI says about the database of `url`, on both channels."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SUPABASE", "PG"))}
    environment |= {"HOME": str(project.parent), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
    done = subprocess.run(
        [str(cli), *arguments, "--db-url", f"{url}?sslmode=disable", "--workdir", str(project), "--agent", "no"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output.replace(str(urlsplit(url).password), "***")
    return output


def listed(output: str) -> list[tuple[str, str]]:
    """Local and remote version of each row of `supabase migration list`."""
    rows = re.findall(r"^\W*(\d{14})?\W*[│|]\W*(\d{14})?\W*[│|]", output, flags=re.MULTILINE)
    return [row for row in rows if any(row)]


def test_the_cli_sees_what_we_deployed_as_applied(cli: Path, project: Path, demo_url: str) -> None:
    """A team that goes on using the CLI beside us must not see our migrations run again."""
    folder = Path(shutil.copytree(OURS, project / "supabase" / "migrations"))
    versions = sorted(path.name[:14] for path in folder.glob("*.sql"))
    assert listed(run(cli, project, demo_url, "migration", "list")) == [(version, "") for version in versions]
    result = run_dag("deploy_migrations", demo_url, folder, {"approval": "none", "benchmark": False})
    assert result.state == "success", result.text
    assert listed(run(cli, project, demo_url, "migration", "list")) == [(version, version) for version in versions]
    assert "up to date" in run(cli, project, demo_url, "db", "push", "--dry-run")


def test_the_cli_sees_what_we_adopted_as_applied(cli: Path, project: Path, empty_database: str) -> None:
    """A baseline is for teams that come from the CLI, and some will go back."""
    folder = Path(shutil.copytree(FIXTURES / "all_well", project / "supabase" / "migrations"))
    versions = sorted(path.name[:14] for path in folder.glob("*.sql"))
    result = run_dag("baseline_migrations", empty_database, folder, {"run_checks": False})
    assert result.state == "success", result.text
    assert listed(run(cli, project, empty_database, "migration", "list")) == [
        (version, version) for version in versions
    ]
    assert "up to date" in run(cli, project, empty_database, "db", "push", "--dry-run")


def test_we_adopt_what_the_cli_applied_word_for_word(cli: Path, project: Path, empty_database: str) -> None:
    """Our rows and the CLI's must be the same text, or an adopted file would always look edited."""
    folder = project / "supabase" / "migrations"
    folder.mkdir()
    (folder / "20260101000000_a.sql").write_text(
        "-- first\ncreate table public.a (id int);\n\ncreate table public.b ();\n"
    )
    run(cli, project, empty_database, "db", "push", "--yes")
    with psycopg.connect(empty_database) as connection:
        before = connection.execute("select * from supabase_migrations.schema_migrations").fetchall()
    result = run_dag("baseline_migrations", empty_database, folder, {})
    assert result.state == "success", result.text
    assert "history row was there; recorded text: the file's" in result.text
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select * from supabase_migrations.schema_migrations").fetchall() == before
    assert "up to date" in run(cli, project, empty_database, "db", "push", "--dry-run")
