"""Databases that are not like ours: whatever policies say there, nothing raises a false alarm and nothing is overlooked."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from pg_deploy.access.explain import explain_access
from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.proof.proof import Proof, prove
from pg_deploy.access.sampling.sample import ask_again, take_sample
from tests.core.access.conftest import said
from tests.long import only_quick

SCHEMA = (Path(__file__).parent / "nasty.sql").read_text()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> str:
    """A superuser's conninfo without a database: of the demo cluster, or of another server that ACCESS_TEST_SERVER names."""
    given = os.environ.get("ACCESS_TEST_SERVER")
    if given:
        return given
    demo: cluster.Cluster = request.getfixturevalue("demo_cluster")
    return psycopg.conninfo.make_conninfo(demo.admin_url("postgres"), dbname="")


def _connect(server: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        psycopg.conninfo.make_conninfo(server, dbname=database), autocommit=True, prepare_threshold=None
    )


@pytest.fixture(scope="module")
def nasty(server: str) -> Iterator[str]:
    """The template that both sides are made from."""
    name = f"nasty_{secrets.token_hex(4)}"
    with _connect(server, "postgres") as admin:
        for role in ("anon", "authenticated", "service_role", "postgres"):
            if admin.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
                admin.execute(
                    f"create role {role} {'bypassrls' if role not in ('anon', 'authenticated') else ''}".encode()
                )
        admin.execute(f"create database {name} template template0".encode())
        with _connect(server, name) as fresh:
            fresh.execute(SCHEMA.encode())
        yield name
        admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def sides(server: str, nasty: str) -> Iterator[tuple[psycopg.Connection[tuple[object, ...]], ...]]:
    names = [f"nasty_{side}_{secrets.token_hex(4)}" for side in ("old", "new")]
    with _connect(server, "postgres") as admin:
        for name in names:
            admin.execute(f"create database {name} template {nasty}".encode())
        try:
            with _connect(server, names[0]) as old, _connect(server, names[1]) as new:
                yield old, new
        finally:
            for name in names:
                admin.execute(f"drop database {name} with (force)".encode())


def _prove(sides: tuple[psycopg.Connection[tuple[object, ...]], ...], *statements: str, api: Api = SUPABASE) -> Proof:
    for statement in statements:
        sides[1].execute(statement.encode())
    return prove(sides[0], sides[1], api=api, cross_check_s=10.0)


# Each means what was there before, in other words.
SAME = (
    "alter policy seen on public.notes using (team_id = any (array(select private.my_teams())))",
    "alter policy changed on public.notes using (private.is_in(team_id))",
    "alter policy own on public.shares using (user_id = (select auth.uid()))",
    "alter policy seen on public.events using (team_id in (select m.team_id from public.team_members m where m.user_id = auth.uid()))",
    "create policy my_own on public.team_members for select to authenticated using (user_id = auth.uid())",
    "alter policy seen on public.logs using (private.is_in(team_id))",
)


def test_an_equivalent_rewrite_of_everything_raises_nothing(
    sides: tuple[psycopg.Connection[tuple[object, ...]], ...],
) -> None:
    """What people wrote is odd enough; a false alarm for it would be the end of trust in the true ones."""
    for side in sides:
        # so that the rewrite of "events", which reads as its caller, finds what the definer's helper finds
        side.execute(
            "create policy self on public.team_members for select to authenticated using (user_id = auth.uid())"
        )
    proof = _prove(sides, *SAME[:4], SAME[5])
    assert [found.sentence for found in proof.found] == []
    assert [found.sentence for found in proof.disagreements] == []
    assert proof.compared > 30
    assert proof.asked == proof.subjects == 47


PLANTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a restrictive policy dropped": (("drop policy no_secrets on public.notes",), ("can now select", '"public.notes"')),
    "a restrictive policy made permissive": (
        (
            "drop policy no_secrets on public.notes",
            "create policy no_secrets on public.notes for select to authenticated using (not secret)",
        ),
        ("can now select", '"public.notes"'),
    ),
    "a helper that returns more": (
        (
            "create or replace function private.my_teams() returns setof integer language sql stable security definer"
            " set search_path = '' as $$ select m.team_id from public.team_members m"
            " where m.user_id = auth.uid() union select 1 $$",
        ),
        ("can now select", '"public.notes"', '"public.logs"'),
    ),
    "claims read by hand, of another name": (
        (
            "alter policy own on public.invoices using"
            " (owner_id = coalesce((current_setting('request.jwt.claims')::jsonb ->> 'as')::uuid,"
            " (current_setting('request.jwt.claims')::jsonb ->> 'sub')::uuid) or total = 7)",
        ),
        ("can now select", '"public.invoices"', "(7)"),
    ),
    "an error made of what was an answer": (
        ("alter policy own on public.shares using (user_id = auth.uid() and 1 / (note_id - 5) <> 0)",),
        ("now get an error", '"public.shares"', "1 / (note_id - 5)"),
    ),
    "a partition opened by its own name": (
        ("create policy all_of_it on public.logs_old for select to authenticated using (true)",),
        ("can now select", '"public.logs_old"'),
    ),
    "a row moved in a table with a key of two columns": (
        ("update public.shares set user_id = '00000000-0000-4000-8000-000000000003' where note_id = 41",),
        ("can no longer select", '"public.shares"', "1 rows are new ((41,"),
    ),
    "a row moved in a table without a key": (
        ("update public.events set team_id = 2 where ctid = (select min(ctid) from public.events where team_id = 5)",),
        ("can select other rows", '"public.events"', "rows without a primary key are others"),
    ),
    "rows gone from a table without a key": (
        ("delete from public.events where ctid = (select min(ctid) from public.events where team_id = 5)",),
        ('"public.events"',),
    ),
    "an enum's other label": (
        ('alter policy "it\'s seen" on public."Odd Table" using (kind = \'closed\')',),
        ("can no longer select", '"public.Odd Table"'),
    ),
    "a row of one user, by an array": (
        (
            'update public."Odd Table" set "Members" = "Members" || \'00000000-0000-4000-8000-000000000003\'::uuid where "Id" = 5',
        ),
        ("can now select", '"public.Odd Table"'),
    ),
    "a materialized view refreshed with other rows": (
        ("update public.notes set team_id = 3 where id < 4", "refresh materialized view public.counts"),
        # other figures over rows that the migration wrote are no other access: the rows are told of
        ('"public.notes"', "changed team_id"),
    ),
}


QUICK = (
    "a restrictive policy dropped",
    "a helper that returns more",
    "a partition opened by its own name",
    "a row moved in a table without a key",
    "an enum's other label",
)
"""The others take `make acceptance` their time."""


@pytest.mark.parametrize("name", only_quick(PLANTS, QUICK))
def test_a_nasty_plant_is_found(sides: tuple[psycopg.Connection[tuple[object, ...]], ...], name: str) -> None:
    """The engines were made for one schema; people have others."""
    statements, expected = PLANTS[name]
    proof = _prove(sides, *statements)
    text = said(proof)
    assert proof.verdict == "different", "\n".join(each.sentence for each in proof.unsettled)
    for part in expected:
        assert part in text, f"{part}\n---\n{text}"


def test_a_view_on_a_view_that_reads_as_its_owner_is_found(
    sides: tuple[psycopg.Connection[tuple[object, ...]], ...],
) -> None:
    """Two views deep nobody looks any more."""
    if sides[0].info.server_version < 150000:
        assert _prove(sides, "grant select on public.my_titles to authenticated").verdict == "different"
        return
    proof = _prove(sides, "alter view public.my_notes set (security_invoker = false)")
    assert proof.verdict == "different"
    assert '"public.my_titles"' in said(proof)
    assert '"public.my_notes"' in said(proof)


def test_a_database_that_is_not_supabase_has_its_own_roles(
    sides: tuple[psycopg.Connection[tuple[object, ...]], ...],
) -> None:
    """The engine works on any PostgreSQL: roles, users and the setting of the claims are somebody else's choice."""
    api = replace(
        SUPABASE,
        roles=("app_web",),
        signed_in="app_web",
        users="select user_id::text from public.team_members",
        user_expressions=("app_me()",),
        claims_setting="app.who",
        sub_setting="app.unused",
    )
    for side in sides:
        if side.execute("select from pg_roles where rolname = 'app_web'").fetchone() is None:
            side.execute("create role app_web")
        side.execute("grant select on public.shares to app_web")
        side.execute(
            "create policy web on public.shares for select to app_web using"
            " (user_id = (current_setting('app.who')::jsonb ->> 'sub')::uuid)"
        )
    try:
        assert (
            _prove(
                sides,
                "alter policy web on public.shares using ((current_setting('app.who')::jsonb ->> 'sub')::uuid = user_id)",
                api=api,
            ).found
            == ()
        )
        proof = _prove(sides, "alter policy web on public.shares using (note_id < 10)", api=api)
        assert "can now select" in said(proof)
    finally:
        for side in sides:
            side.execute("drop owned by app_web")
        sides[0].execute("drop role app_web")


def test_no_users_at_all_are_no_obstacle(sides: tuple[psycopg.Connection[tuple[object, ...]], ...]) -> None:
    """Without a table of users there are still roles and those who are nobody."""
    api = replace(SUPABASE, users="select null::text where false")
    proof = _prove(sides, "alter policy own on public.shares using (note_id < 10)", api=api)
    assert "a user who is in no table" in said(proof)


def test_the_sample_and_the_explanation_cope_with_all_of_it(
    sides: tuple[psycopg.Connection[tuple[object, ...]], ...],
) -> None:
    """On the target there is no second opinion, so the sample must read what it is given."""
    old, new = sides
    sample = take_sample(new, seconds=20)
    assert {"public.notes", "public.shares", "public.Odd Table"} <= sample.keys.keys()
    assert ask_again(new, sample, seconds=20).differences == ()
    for statement in SAME[:3]:
        new.execute(statement.encode())
    assert ask_again(new, sample, seconds=20).differences == ()
    new.execute('alter policy "it\'s seen" on public."Odd Table" using (true)')
    text = "\n".join(found.sentence for found in ask_again(new, sample, seconds=20).differences)
    assert "can now select" in text
    assert '"public.Odd Table"' in text
    told = explain_access(new, user="00000000-0000-4000-8000-000000000003", table="public.Odd Table", row="5")
    assert told.outcomes["select"] == "yes"
    shared = explain_access(
        old,
        user="00000000-0000-4000-8000-000000000003",
        table="public.shares",
        row="(2,00000000-0000-4000-8000-000000000003)",
    )
    assert shared.outcomes["select"] == "yes"
