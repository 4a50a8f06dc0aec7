"""What supautils lets a role do on hosted Supabase: read by preflight, and possible on the private copy."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.execution.segments import Observer
from pg_deploy.parsing.statements import split
from pg_deploy.parsing.syntax import in_file
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.rights.missing import missing_rights
from pg_deploy.preflight.rights.provider import provider_grants
from pg_deploy.rehearsal.provider import ProviderObserver

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


def test_what_the_provider_runs_as_its_superuser_runs_on_the_copy_and_nothing_after_it(
    demo_cluster: Cluster, hosted: str
) -> None:
    """Else an extension that hosted Supabase makes is refused by the rehearsal; or what follows it is a superuser's too."""
    with psycopg.connect(demo_cluster.admin_url(hosted), autocommit=True) as admin_connection:
        admin_connection.execute(f"alter database {hosted} set supautils.privileged_extensions = 'pageinspect, dblink'")
        admin_connection.execute(
            """create table public.fired (by text); grant all on public.fired to public;
            create function public.fires() returns event_trigger language plpgsql
                as $$ begin insert into public.fired values (current_user); end $$;
            alter function public.fires() owner to authenticated;
            create event trigger fires on ddl_command_end execute function public.fires()"""
        )
    target = Target("copy", demo_cluster.url(database=hosted))
    create = "create extension pageinspect with schema public"
    with target.session("test") as connection:
        grants = provider_grants(connection)
        assert grants.is_run_as_superuser(create)
        assert not grants.is_run_as_superuser("create extension pg_buffercache")
        assert not grants.is_run_as_superuser(
            "create event trigger e on ddl_command_end execute function public.fires()"
        )
        observer = ProviderObserver(Observer(), Target("admin", demo_cluster.admin_url(hosted)), grants)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(create)
        (statement,) = split(create, file="f")
        connection.execute("begin")
        with observer.around_statement(connection, statement):
            connection.execute(create)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("create extension pg_buffercache with schema public")
        connection.execute("commit")
        assert connection.execute("select count(*) from public.fired").fetchone() == (0,)
        connection.execute("create table public.after ()")
        assert connection.execute("select count(*) from public.fired").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_read_file('/etc/hostname')")


RESERVED = {
    "supautils.reserved_roles": "authenticator*, pgbouncer",
    "supautils.reserved_memberships": "pg_read_server_files",
    "supautils.privileged_role": "deployers",
    "supautils.privileged_extensions": "dblink",
}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "alter role authenticator nologin",
            'role "authenticator" is reserved by the provider (supautils.reserved_roles)',
        ),
        ("drop role if exists pgbouncer", 'role "pgbouncer" is reserved'),
        ("alter role pgbouncer set statement_timeout = 0", 'role "pgbouncer" is reserved'),
        ("alter role authenticator set statement_timeout = 0", ""),
        ("alter role anon set statement_timeout = 0", ""),
        ("grant pg_read_server_files to anon", "(supautils.reserved_memberships)"),
        ("revoke pg_read_server_files from anon", ""),
        ("create extension dblink", ""),
        ("create extension file_fdw", "the provider makes those of supautils.privileged_extensions only"),
    ],
)
def test_what_the_provider_reserves_is_refused_before_anything_runs(
    demo_cluster: Cluster, empty_database: str, sql: str, words: str
) -> None:
    """Else the migration fails on the target alone: no copy has the provider's library."""
    name = empty_database.rsplit("/", 1)[-1]
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        admin.execute("create role deployers; grant deployers to postgres")
        try:
            for setting, value in RESERVED.items():
                admin.execute(f"alter database {name} set {setting} = '{value}'")
            with psycopg.connect(empty_database, autocommit=True) as connection:
                found = missing_rights(connection, in_file("f.sql", split(sql, file="f.sql")))
        finally:
            admin.execute("drop role deployers")
    assert bool(found) == bool(words), found
    assert words in " ".join(each.sentence for each in found)
