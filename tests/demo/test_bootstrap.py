"""The demo target behaves like Supabase where migrations can feel it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from demo import cluster
from demo.cluster import Cluster
from tests.demo.asking import Ask, ask_at


def test_the_deploying_role_is_powerful_but_no_superuser(demo_cluster: Cluster, ask: Ask) -> None:
    """A migration that works here as a superuser would fail at whoever runs a real Supabase."""
    attributes = ask(
        "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_catalog.pg_roles"
        " where rolname = %s",
        "postgres",
    )
    assert attributes == [(False, True, True, True, True)]
    for forbidden in (
        "alter system set work_mem = '8MB'",
        "set role supabase_admin",
        "alter table auth.users add oops int",
    ):
        with (
            psycopg.connect(demo_cluster.url(), autocommit=True) as session,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            session.execute(forbidden)


def test_the_deploying_role_is_in_the_groups_that_supabase_puts_it_in(ask: Ask) -> None:
    """Without them `set role authenticated` fails, and with it every check of access."""
    groups = ask(
        "select g.rolname from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid"
        " where m.member = 'postgres'::regrole order by 1"
    )
    assert [name for (name,) in groups] == [
        "anon",
        "authenticated",
        "pg_monitor",
        "pg_read_all_data",
        "pg_signal_backend",
        "service_role",
    ]


def test_the_api_roles_have_supabases_attributes_and_timeouts(ask: Ask) -> None:
    """A proof over roles that bypass RLS by mistake would prove nothing."""
    roles = ask(
        "select rolname, rolcanlogin, rolinherit, rolbypassrls, coalesce(array_to_string(rolconfig, ','), '')"
        " from pg_catalog.pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator')"
        " order by 1"
    )
    assert roles == [
        ("anon", False, False, False, "statement_timeout=3s"),
        ("authenticated", False, False, False, "statement_timeout=8s"),
        ("authenticator", True, False, False, "statement_timeout=8s"),
        ("service_role", False, False, True, ""),
    ]


@pytest.mark.parametrize("legacy", [True, False])
def test_auth_uid_reads_the_claims_and_the_legacy_claim_first(demo_cluster: Cluster, legacy: bool) -> None:
    """An auth.uid() that reads something else makes every access check pass with zero rows."""
    one, other = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
    with psycopg.connect(demo_cluster.url()) as session:
        session.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('request.jwt.claim.sub', %s, true)",
            (f'{{"sub": "{one}", "role": "authenticated", "email": "a@example.com"}}', other if legacy else ""),
        )
        row = session.execute(
            "select auth.uid()::text, auth.role(), auth.email(), auth.jwt() ->> 'sub',"
            " extensions.uuid_generate_v4() is not null"
        ).fetchone()
    assert row == (other if legacy else one, "authenticated", "a@example.com", one, True)


def test_new_tables_of_the_deploying_role_are_open_to_the_api_as_on_supabase(demo_cluster: Cluster) -> None:
    """Supabase's default privileges are what makes a new materialized view public: the demo must be as dangerous."""
    with psycopg.connect(demo_cluster.url()) as session:
        session.execute("create materialized view public.costs as select 1 as cost")
        row = session.execute(
            "select has_table_privilege('anon', 'public.costs', 'select'), to_regnamespace('supabase_migrations')"
        ).fetchone()
        session.rollback()
    assert row == (True, None)


def test_the_empty_database_is_bootstrapped_and_has_storage_but_no_tables_of_ours(empty_database: str) -> None:
    """A project's own migrations start from here: a table of ours would collide with theirs."""
    found = ask_at(
        empty_database,
        "select (select count(*) from pg_catalog.pg_tables where schemaname = 'public'),"
        " storage.foldername('a/b/c.png'),"
        " to_regclass('storage.buckets') is not null, to_regclass('auth.users') is not null,"
        " (select datdba::regrole::text from pg_catalog.pg_database where datname = current_database())",
    )
    assert found == [(0, ["a", "b"], True, True, "postgres")]


def test_storage_policies_can_be_made_by_the_deploying_role(empty_database: str) -> None:
    """Projects' migrations create policies on storage.objects, which takes its owner."""
    with psycopg.connect(empty_database) as session:
        session.execute(
            "create policy own_folder on storage.objects for select to authenticated"
            " using ((storage.foldername(name))[1] = (select auth.uid())::text)"
        )


def test_the_templates_accept_no_connections_and_a_clone_holds_the_data(demo_cluster: Cluster) -> None:
    """A connection to a template would make the next copy fail."""
    for template in ("demo_template", "supabase_empty"):
        with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
            psycopg.connect(demo_cluster.admin_url(template))
    url = cluster.clone(demo_cluster, "copy_for_test")
    assert ask_at(url, "select count(*) > 0 from public.messages") == [(True,)]
    cluster.drop(demo_cluster, "copy_for_test")


def test_pg_cron_serves_the_demo_database_and_the_deploying_role_may_use_it(demo_url: str, ask: Ask) -> None:
    """Without the launcher the hourly refresh is scheduled, and never runs."""
    ask_at(demo_url, "select cron.schedule('look', '0 * * * *', 'select 1')")
    assert ask_at(demo_url, "select jobname, username, database from cron.job") == [("look", "postgres", "demo")]
    assert ask_at(demo_url, "select count(*) from cron.job_run_details") == [(0,)]
    assert ask_at(demo_url, "select cron.unschedule('look')") == [(True,)]
    launchers = ask("select datname from pg_catalog.pg_stat_activity where backend_type = 'pg_cron launcher'")
    assert launchers == [("demo",)]
