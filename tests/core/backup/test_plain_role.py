"""The role that runs a target's expressions in a copy: it may what they need, and nothing more."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.backup.plain_role import plain_role
from pg_deploy.rehearsal.copy import private_copy
from tests.core.backup.conftest import LOG, Place

CLOSED = """
create schema shut;
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
alter default privileges revoke all on tables from current_user;
create function shut.positive(int) returns boolean language sql immutable as 'select $1 > 0';
create domain shut.amount as int check (shut.positive(value));
create table shut.guarded (
    id int check (shut.positive(id)),
    sign int generated always as (case when shut.positive(id) then 1 end) stored,
    amount shut.amount
);
insert into shut.guarded (id, amount) values (1, 3);
create table public.refers (amount shut.amount);
"""


def test_rows_that_a_function_closed_to_all_others_checks_are_restored(place: Place) -> None:
    """If functions are closed by default, a CHECK of the superuser's stopped every rehearsal: permission denied for function."""
    place.run(CLOSED)
    taken = place.take()
    without_cron = replace(taken.manifest, server=replace(taken.manifest.server, preload=("pg_stat_statements",)))
    with private_copy(without_cron, place.store.root / taken.manifest.name, place.settings, log=LOG) as copy:
        with copy.admin.session("tests") as there:
            assert there.execute("select id, sign, amount from shut.guarded").fetchall() == [(1, 1, 3)]
        # Stand-ins are called as pg_cron is, whatever the database gives to new functions.
        with copy.target.session("tests") as there:
            assert there.execute("select cron.schedule('one', '0 * * * *', 'select 1')").fetchone() == (1,)


def test_what_would_run_with_more_than_the_roles_rights_stays_closed(place: Place) -> None:
    """Else whoever owns a table has a superuser's function run in the copy, which is closed to him on the target."""
    place.run(
        CLOSED + "create function shut.with_more(int) returns boolean language sql security definer as 'select true';"
        " create function shut.in_the_server(internal) returns internal language internal as 'prsd_lextype'"
    )
    acl = "select p.proname::text, p.proacl::text from pg_catalog.pg_proc p where p.pronamespace = 'shut'::regnamespace"
    with place.admin.session("tests") as connection:
        before = dict(connection.execute(acl).fetchall())
        with plain_role(place.admin) as (plain, _), plain.session("tests") as session:
            may = session.execute(
                "select proname::text from pg_catalog.pg_proc where pronamespace = 'shut'::regnamespace"
                " and pg_catalog.has_function_privilege(oid, 'execute')"
            ).fetchall()
            assert may == [("positive",)]
        assert dict(connection.execute(acl).fetchall()) == before
