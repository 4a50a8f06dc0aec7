"""What the proof does not ask because the answer is known, and what looks known and is not."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pg_deploy.access.engines.plans import told_plan
from pg_deploy.access.engines.rewritten_tables import moved_tables
from pg_deploy.access.proof import views
from pg_deploy.parsing.statements import split_check
from tests.core.access.conftest import MIGRATION, Pair, connect, said

FOLDER = Path(__file__).resolve().parents[3] / "sql" / "migrations"


def test_new_objects_that_nothing_mentions_leave_the_old_ones_to_the_catalog(pair: Pair) -> None:
    """A new function or dashboard must not cost a deployment the proof of every old table."""
    for stem in (
        "20251118000001_add_conversation_metadata_update_function",
        "20251118000003_optimize_telemetry_analytics",
    ):
        text = (FOLDER / f"{stem}.sql").read_text()
        pair.deploy(*[part.sql for part in split_check(text, file=stem)])
    proof = pair.prove()
    assert (proof.verdict, proof.found) == ("equal", ())
    assert {change.object for change in proof.changes if change.object_is_new} >= {
        "public.chat_telemetry_domain_summary"
    }


def test_a_new_function_that_a_policy_finds_instead_is_no_mere_addition(pair: Pair) -> None:
    """A body that leaves its search_path open answers with whatever comes first in it, without a word in the catalog."""
    shadowed = (
        "create schema helpers; grant usage on schema helpers to public",
        "create function public.permits(uuid) returns boolean language sql stable as 'select false'",
        "create function public.wanted(id uuid) returns boolean language plpgsql stable set search_path = helpers, public"
        " as 'begin return permits(id); end'",
        "create policy seen on public.website_content for select to authenticated using (public.wanted(domain_id))",
    )
    with connect(pair.old_url) as deployer:
        before = deployer.execute("select count(*) from pg_policy where polname = 'seen'").fetchone()
        if before == (0,):
            for statement in shadowed:
                deployer.execute(statement.encode())
    try:
        pair.deploy(
            *shadowed, "create function helpers.permits(uuid) returns boolean language sql stable as 'select true'"
        )
        proof = pair.prove(data_may_differ=False)
        assert proof.verdict == "different"
        assert "can now select" in said(proof)
    finally:
        with connect(pair.old_url) as deployer:
            deployer.execute(
                b"drop policy seen on public.website_content; drop function public.wanted(uuid), public.permits(uuid);"
                b" drop schema helpers"
            )


def test_rows_written_again_count_as_moved(pair: Pair) -> None:
    """Row counts alone would let a migration exchange one row for another."""
    assert moved_tables(pair.old, pair.new) == frozenset()
    pair.deploy(
        "update public.organization_members set status = status where ctid = (select min(ctid) from public.organization_members)"
    )
    pair.deploy(
        "with gone as (delete from public.messages where ctid = (select min(ctid) from public.messages) returning *)"
        " insert into public.messages select * from gone"
    )
    assert moved_tables(pair.old, pair.new) == {"public.organization_members", "public.messages"}


def test_one_plan_is_one_answer_and_a_hidden_limit_is_none(pair: Pair) -> None:
    """EXPLAIN does not print a limit's number: two statements that differ there would be asked once."""
    connection: psycopg.Connection[tuple[object, ...]] = pair.new
    pair.deploy(MIGRATION)
    plans = []
    for number, condition in enumerate(
        (
            "c.domain_id in (select d.id from public.domains d)",
            "exists (select from public.domains d where d.id = c.domain_id)",
            "c.domain_id in (select d.id from public.domains d limit 1)",
            "c.domain_id in (select d.id from public.domains d limit 2)",
        )
    ):
        connection.execute(
            f"prepare told_{number} as select count(*) from public.conversations c where {condition}".encode()
        )
        plans.append(told_plan(connection, f"told_{number}"))
    assert plans[0] is not None
    assert plans[0] == plans[1]
    assert plans[2:] == [None, None]


@pytest.mark.acceptance
def test_a_view_that_takes_too_long_to_be_compared_is_named(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out without a word it would count as proved, although nobody has looked at what it shows."""
    monkeypatch.setattr(views, "VIEW_S", 0.3)
    view = "create view public.slow as select d.id from public.domains d, pg_sleep(2); grant select on public.slow to service_role"
    with connect(pair.old_url) as deployer:
        deployer.execute(view.encode())
    try:
        # one whose closure is what it was is settled without being read
        again = "create or replace view public.slow as select d.id from public.domains d, pg_sleep(2) where d.id is not null"
        pair.deploy(view, MIGRATION, again)
        proof = pair.prove()
        assert any("view takes over 0.3 s" in each.reason for each in proof.unsettled), proof.unsettled
        assert proof.verdict == "not proved"
    finally:
        with connect(pair.old_url) as deployer:
            deployer.execute(b"drop view public.slow")
