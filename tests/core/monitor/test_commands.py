"""What a job's command refreshes, however it is spelled: names as the job's role resolves them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.monitor.commands import read_body
from pg_deploy.monitor.refreshers import Refreshes, Routines, ViewNames, find_refreshes
from pg_deploy.postgres.session import Connection

VIEWS = {
    ("public", "v"): 1,
    ("mon", "v"): 2,
    ("mon", "V w"): 3,
    ("mon", "late"): 4,
    ("postgres", "own"): 5,
    ("service_role", "own"): 6,
}
ROUTINES = """
create schema mon;
create function mon.plain() returns void language plpgsql as $$ begin refresh materialized view mon.v; end $$;
create function mon.counted() returns int language plpgsql as $$ begin refresh materialized view mon.v; return 1; end $$;
create function mon.rows() returns setof int language plpgsql as
    $$ begin refresh materialized view mon.v; return query select 1; end $$;
create function mon.set_path() returns void language plpgsql set search_path = mon as
    $$ begin refresh materialized view v; end $$;
create procedure mon.outer_one() language plpgsql as $$ begin perform "mon".PLAIN(); commit; end $$;
create function mon.in_sql() returns void language sql as $$ select mon.plain() $$;
create function mon.overloaded(int) returns void language plpgsql as $$ begin refresh materialized view mon.v; end $$;
create function mon.overloaded(int, int) returns void language plpgsql as $$ begin null; end $$;
create function mon.constant() returns void language plpgsql as $$ begin execute 'refresh materialized view mon.v'; end $$;
create function mon.built() returns void language plpgsql as
    $$ declare r record; begin for r in select 'mon.v'::regclass as v loop
    execute format('refresh materialized view concurrently %s', r.v); end loop; end $$;
create function mon.any_of_them() returns void language plpgsql as
    $$ declare r record; begin for r in select schemaname, matviewname from pg_matviews loop
    execute format('refresh materialized view %I.%I', r.schemaname, r.matviewname); end loop; end $$;
create function mon.commented() returns void language plpgsql as
    $$ begin -- refresh materialized view mon.v
    raise notice 'nothing'; end $$;
create type mon.mood as enum ('good');
create function mon.of_a_type(m mon.mood) returns mon.mood language plpgsql as
    $$ declare x mon.mood := m; begin -- refresh materialized view public.v
    refresh materialized view concurrently "mon"."v"; return x; end $$;
create function mon.calls_of_a_type() returns void language plpgsql as
    $$ declare x mon.mood; begin perform mon . plain ( ); end $$;
create procedure mon.with_parameters(inout n int, which text default 'v') language plpgsql as
    $$ begin n := 1; which := 'w'; refresh materialized view mon.v; end $$;
create function mon.dollars() returns void language plpgsql as
    $$ begin execute $q$refresh materialized view mon.v$q$; end $$;
create function mon.put_together() returns void language plpgsql as
    $$ begin execute 'refresh materialized view ' || 'mon' || '.' || 'v';
    execute format('refresh materialized view %I.%I', 'mon', 'V w'); end $$;
create function mon.gone() returns void language plpgsql as $$ begin execute 'refresh materialized view mon.gone'; end $$;
create function mon.path_inside() returns void language plpgsql as
    $$ begin perform set_config('search_path', 'mon, public', true); refresh materialized view v; end $$;
create function mon.of_whoever_runs_it() returns void language plpgsql set search_path = "$user", mon as
    $$ begin refresh materialized view own; end $$;
create function mon.of_its_owner() returns void language plpgsql security definer set search_path = "$user", mon as
    $$ begin refresh materialized view own; end $$;
create function mon.of_its_owner_by_the_path_outside() returns void language plpgsql security definer as
    $$ begin refresh materialized view own; end $$;
grant create on schema mon to service_role;
alter function mon.of_whoever_runs_it() owner to service_role;
alter function mon.of_its_owner() owner to service_role;
alter function mon.of_its_owner_by_the_path_outside() owner to service_role;
create function public.plain() returns void language plpgsql as $$ begin null; end $$;
"""


@pytest.fixture(scope="module")
def database(demo_cluster: object) -> Iterator[Connection]:
    """A database with these routines."""
    from demo import cluster

    url = cluster.empty(demo_cluster, "commands")  # type: ignore[arg-type]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ROUTINES)
        yield connection
    cluster.drop(demo_cluster, "commands")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "surely"),
    [
        ("refresh materialized view v", {1}),
        ("REFRESH  MATERIALIZED VIEW Concurrently Mon.V", {2}),
        ('refresh materialized view mon."V w"', {3}),
        ("set search_path = mon; refresh materialized view v", {2}),
        ("/* refresh materialized view public.v */ refresh materialized view mon.v -- and public.v", {2}),
        ("refresh materialized view public.v; refresh materialized view mon.late", {1, 4}),
        ("select 'refresh materialized view mon.v'", set()),
        ("refresh materialized view other.v", set()),
        ("SELECT MON.PLAIN()", {2}),
        ('select "mon" . "plain" ( )', {2}),
        ("select plain()", set()),
        ("select mon.counted()", {2}),
        ("select * from mon.rows()", {2}),
        ("select mon.set_path()", {2}),
        ("call mon.outer_one()", {2}),
        ("select mon.in_sql()", {2}),
        ("select mon.overloaded(1)", {2}),
        ("select mon.overloaded(1, 2)", set()),
        ("select mon.constant()", {2}),
        ("do $$ begin refresh materialized view mon.v; end $$", {2}),
        ("do $$ begin perform mon.plain(); end $$", {2}),
        ("select mon.commented()", set()),
        ("select mon.of_a_type('good')", {2}),
        ("select mon.calls_of_a_type()", {2}),
        ("call mon.with_parameters(1)", {2}),
        ("call mon.with_parameters(which => 'x', n => 2)", {2}),
        ("select mon.dollars()", {2}),
        ("select mon.put_together()", {2, 3}),
        ("select mon.gone()", set()),
        ("select mon.path_inside()", {2}),
        ("refresh materialized view v; set search_path = mon; refresh materialized view late", {1, 4}),
        ("set search_path to mon; reset search_path; refresh materialized view v", {1}),
        ("select set_config('search_path', 'mon,public', false); refresh materialized view v", {2}),
        ('set local search_path = "$user", mon; refresh materialized view v; select 1', {2}),
        ("begin; refresh materialized view mon.v; commit", {2}),
        ("select count(*) from (select mon.plain()) s", {2}),
        ("with r as (select mon.plain()) select * from r", {2}),
        ("vacuum mon.v", set()),
        ("refresh materialized view mon.v with no data", {2}),
        ("select now(", set()),
        ("refresh materialized view own", {5}),
        ("select mon.of_whoever_runs_it()", {5}),
        ("select mon.of_its_owner()", {6}),
        ("select mon.of_its_owner_by_the_path_outside()", {6}),
    ],
)
def test_a_job_is_that_of_the_views_that_it_refreshes(database: Connection, command: str, surely: set[int]) -> None:
    """Else a job that works is told to be scheduled, or a view is called fresh because of a namesake or a comment."""
    assert read(database, command).surely == surely


def test_what_is_built_at_run_time_is_only_perhaps(database: Connection) -> None:
    """Else a guess is told as a fact."""
    assert read(database, "select mon.built()") == Refreshes(frozenset(), (2,), False, False)
    assert read(database, "select mon.any_of_them()") == Refreshes(frozenset(), (), True, False)
    # A name that means no view does not make it refresh any other.
    assert read(database, "select mon.gone()") == Refreshes()


def read(connection: Connection, command: str) -> Refreshes:
    """What a job of the deploying role refreshes."""
    return find_refreshes(
        command, "postgres", ViewNames(VIEWS, {"postgres": ("$user", "public")}), Routines(connection)
    )


@pytest.mark.parametrize(
    "body",
    [
        "select case when true then 1 else 2 end from mon.v",
        "select 1 from mon.v; select case when true then 1 end;",
        "begin atomic select case when true then 1 end from mon.v; end",
    ],
)
def test_the_end_of_a_case_is_no_end_of_a_body(body: str) -> None:
    """Else the body cannot be parsed, and nobody is told that it reads what a deployment changed."""
    assert ("mon", "v") in read_body("sql", body).relations
