"""What supautils lets a role do on hosted Supabase: read by preflight, and possible on the private copy."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.execution.segments import Observer
from pg_deploy.parsing.statements import split
from pg_deploy.rehearsal.provider import ProviderObserver
from pg_deploy.rights.provider import provider_grants
from pg_deploy.session import Target

ADMIN = (Path(__file__).resolve().parents[2] / "cases/files/hosted-storage-policies/admin.sql").read_text()
POLICY = "create policy p on storage.objects for select using (true)"


@pytest.fixture
def hosted(demo_cluster: Cluster, empty_database: str) -> str:
    """A database whose storage belongs to supabase_storage_admin, as on hosted Supabase."""
    name = empty_database.rsplit("/", 1)[-1]
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        admin.execute(ADMIN)
    return name


def test_the_role_may_what_the_provider_says_and_no_more(demo_cluster: Cluster, hosted: str) -> None:
    """Else a policy on storage.objects is refused, or the copy lets through what the target refuses."""
    target = Target("copy", demo_cluster.url(database=hosted))
    admin = Target("admin", demo_cluster.admin_url(hosted))
    with target.session("test") as connection:
        grants = provider_grants(connection)
        assert grants.tables_of(POLICY) == {"storage.objects"}
        assert grants.tables_of("drop trigger if exists t on auth.users") == {"auth.users"}
        assert grants.tables_of("alter table storage.objects add column x int") == frozenset()
        observer = ProviderObserver(Observer(), admin, grants)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(POLICY)
        before = connection.execute("select relowner, relacl from pg_class where relname = 'objects'").fetchone()
        (policy,) = split(POLICY, file="f")
        connection.execute("begin")
        with observer.around_statement(connection, policy):
            connection.execute(POLICY)
        connection.execute("commit")
        after = connection.execute("select relowner, relacl from pg_class where relname = 'objects'").fetchone()
        assert after == before
        (alter,) = split("alter table storage.objects add column x int", file="f")
        with observer.around_statement(connection, alter), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(alter.sql)


def test_a_setting_that_is_no_json_grants_nothing(empty_database: str) -> None:
    """A broken setting must not stop preflight, nor open anything."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("set supautils.policy_grants = 'nonsense'")
        assert provider_grants(connection).policies == frozenset()
