"""A Supabase project's own folder, deployed as a team would the first time: MIGRATIONS_DIR, an empty database, nothing chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.cluster import Cluster
from pg_deploy.migrations.migration import read_folder
from tests.core.test_foreign_project import plain, schema_of, with_psql
from tests.dags.conftest import Deploy
from tests.looking import Database

__all__ = ["plain"]

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(
    "conf", [{"rehearse": "none", "backup": "full"}, {"rehearse": "full", "backup": "full"}], ids=str
)
def test_a_project_of_seventy_files_is_deployed_from_an_empty_database(
    demo_cluster: Cluster, database: Database, deploy: Deploy, plain: str, foreign_folder: Path, conf: dict[str, str]
) -> None:
    """Else the first thing that a new team does with us fails, on files that psql and the Supabase CLI take."""
    result = deploy(foreign_folder, conf)
    assert result.state == "success", result.text[-4000:]
    versions = [file.version for file in read_folder(foreign_folder)]
    assert database.history == versions
    assert database.attempts == [(version, "verified") for version in versions]
    # as the target of these tests, so that both give what is new to the same roles
    Database(plain).give_nothing_new_to_the_api()
    with_psql(demo_cluster.bindir, plain, foreign_folder)
    assert schema_of(demo_cluster.bindir, database.url) == schema_of(demo_cluster.bindir, plain)
    assert "unprotected" in result.text
