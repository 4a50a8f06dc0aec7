"""The target is asked the same pairs before and after; what other people changed meanwhile is no difference."""

from __future__ import annotations

import json

import pytest

from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.access.sampling.counterfactual import still_valid
from pg_deploy.access.sampling.sample import LiveComparison, LiveSample, _difference, ask_again, take_sample
from pg_deploy.access.sampling.sample_context import looked_up_by, lookup_tables
from pg_deploy.catalog.reader import read_facts
from tests.core.access.conftest import MIGRATION, Pair, connect


def _said(compared: LiveComparison) -> list[str]:
    return [difference.sentence for difference in compared.differences]


def test_the_migration_and_traffic_raise_nothing(pair: Pair) -> None:
    """A deployment that is undone because a user was suspended meanwhile would be undone every day."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        assert sum(len(keys) for keys in sample.seen.values()) > 100
        sample = LiveSample.from_detail(json.loads(json.dumps(sample.to_detail())))
        pair.deploy(MIGRATION)
        pair.deploy(
            "update public.organization_members set status = 'suspended' where status = 'active'",
            "delete from public.messages",
            "update public.conversations set domain_id = null",
        )
        compared = ask_again(target, sample, seconds=30)
        assert compared.differences == ()
        assert compared.moved_by_traffic > 20
        assert compared.unanswered == 0


def test_a_policy_that_opens_rows_is_told(pair: Pair) -> None:
    """Without a rehearsal, and for what only the target knows, these pairs are all that speaks of access."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        pair.deploy(MIGRATION, "alter policy messages_select on public.messages using (true)")
        compared = ask_again(target, sample, seconds=30)
        assert any("can now select" in said and '"public.messages"' in said for said in _said(compared))
        pair.deploy("alter policy messages_select on public.messages using (false)")
        compared = ask_again(target, sample, seconds=30)
        assert any("can no longer select" in said and '"public.messages"' in said for said in _said(compared))


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("alter policy messages_update on public.messages with check (true)", "can now produce by update"),
        ("alter policy messages_delete on public.messages using (role = 'user')", "can now delete"),
        ("alter policy conversations_insert on public.conversations with check (false)", "can no longer insert"),
        (
            "alter policy conversations_select on public.conversations using (domain_id is null or domain_id in"
            " (select d.id from public.domains d))",
            "can now select",
        ),
    ],
)
def test_what_can_be_written_is_sampled_too(pair: Pair, statement: str, command: str) -> None:
    """A policy that lets rows be written shows in nothing that anybody reads."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        pair.deploy(MIGRATION, statement)
        because = lambda table, commands: [f'policy "x" of "{table}" changed']  # noqa: E731
        said = _said(ask_again(target, sample, seconds=30, because=because))
        assert any(command in sentence and 'because policy "x"' in sentence for sentence in said), said


@pytest.mark.acceptance
def test_a_suspended_member_is_in_the_sample_with_rows_of_their_tenant(pair: Pair) -> None:
    """A forgotten status is seen only by asking those who have it about what they would gain."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        pair.deploy(
            MIGRATION,
            "create or replace function access_checks.check_domain_access() returns setof uuid language plpgsql stable"
            " security definer set search_path = '' as $$ begin return query select d.id from public.domains d where"
            " d.organization_id in (select om.organization_id from public.organization_members om"
            " where om.user_id = (select auth.uid())); end $$",
        )
        said = _said(ask_again(target, sample, seconds=30))
        assert any("can now select" in sentence and '"public.conversations"' in sentence for sentence in said), said


def test_the_target_is_only_read(pair: Pair) -> None:
    """Asking must never cost the target a row or leave a setting behind."""
    with connect(pair.url) as target:
        take_sample(target, seconds=5)
        assert target.execute("select current_user, current_setting('request.jwt.claims', true)").fetchone() in (
            ("postgres", ""),
            ("postgres", None),
        )
        assert target.info.transaction_status == 0


@pytest.mark.acceptance
def test_traffic_that_no_key_leads_to_is_told_apart_by_the_old_policies(pair: Pair) -> None:
    """Telemetry is joined by a text: whoever moves a domain moves rows that no foreign key connects with it."""
    with connect(pair.url) as target:
        before = read_facts(target)
        sample = take_sample(target, seconds=20)
        pair.deploy(
            MIGRATION,
            "update public.domains set organization_id = (select id from public.organizations order by id limit 1)",
        )
        after = read_facts(target)

        def valid(table: str, predicate: str) -> bool:
            return still_valid(table, predicate, before, after, ())

        assert any('"public.chat_telemetry"' in sentence for sentence in _said(ask_again(target, sample, seconds=30)))
        assert _said(ask_again(target, sample, seconds=30, still_valid=valid)) == []
        policy = target.execute(
            "select polname from pg_policy where polrelid = 'public.chat_telemetry'::regclass"
        ).fetchone()
        pair.deploy(f"alter policy {policy[0] if policy else ''} on public.chat_telemetry using (true)")
        after = read_facts(target)
        said = _said(ask_again(target, sample, seconds=30, still_valid=valid))
        assert any("can now select" in sentence and '"public.chat_telemetry"' in sentence for sentence in said), said


def test_an_old_policy_whose_ground_was_changed_is_no_witness(pair: Pair) -> None:
    """If the migration changed a function or a look-up's policy, the old text means something else now."""
    with connect(pair.url) as target:
        pair.deploy(MIGRATION)
        before = read_facts(target)
        predicate = "domain_id = any (array(select access_checks.check_domain_access()))"
        assert still_valid("public.conversations", predicate, before, before, ())
        assert not still_valid("public.conversations", predicate, before, before, {"public.organization_members"})
        pair.deploy("alter function access_checks.check_domain_access() cost 7")
        assert not still_valid("public.conversations", predicate, before, read_facts(target), ())
        pair.deploy("alter function access_checks.check_domain_access() cost 100")
        pair.deploy("create function public.other() returns int language sql return 1")
        pair.deploy("revoke execute on function public.other() from public")
        before = read_facts(target)
        pair.deploy("grant execute on function public.other() to anon")
        assert still_valid("public.conversations", predicate, before, read_facts(target), ())
        pair.deploy("create schema elsewhere; grant usage on schema elsewhere to authenticated")
        assert still_valid("public.conversations", predicate, before, read_facts(target), ())
        pair.deploy("revoke usage on schema access_checks from authenticated")
        assert not still_valid("public.conversations", predicate, before, read_facts(target), ())
        pair.deploy("grant usage on schema access_checks to authenticated")
        pair.deploy("revoke execute on function access_checks.check_domain_access() from public, authenticated")
        assert not still_valid("public.conversations", predicate, before, read_facts(target), ())
        target.execute(
            "create function public.composed() returns boolean language plpgsql stable as"
            " $$ declare b boolean; begin execute 'select true' into b; return b; end $$"
        )
        composing = read_facts(target)
        assert not still_valid("public.conversations", "public.composed()", composing, composing, ())


@pytest.mark.acceptance
def test_a_row_whose_key_looks_like_an_error_is_a_row(pair: Pair) -> None:
    """Else whoever chooses keys chooses which rows may come and go unseen."""
    with connect(pair.url) as target:
        target.execute(
            "create table public.notes (id text primary key, open boolean not null);"
            " insert into public.notes select '!' || n, n > 5 from generate_series(1, 10) n;"
            " alter table public.notes enable row level security;"
            " create policy opened on public.notes for select to authenticated using (open)"
        )
        sample = take_sample(target, seconds=20)
        assert sample.keys["public.notes"][0].startswith("!")
        pair.deploy("alter policy opened on public.notes using (true)")
        assert any("can now select 5" in said for said in _said(ask_again(target, sample, seconds=30)))
        pair.deploy("alter policy opened on public.notes using (false)")
        assert any("can no longer select 5" in said for said in _said(ask_again(target, sample, seconds=30)))


def test_a_table_that_only_a_policys_function_reads_is_looked_up(pair: Pair) -> None:
    """A migration that deletes members takes rows from whoever a function asks about, though no policy names that table."""
    with connect(pair.url) as target:
        pair.deploy(MIGRATION)
        target.execute(
            "create table public.blocked (user_id uuid); insert into public.blocked values (gen_random_uuid());"
            " create function public.is_blocked() returns boolean language sql stable security definer"
            " as 'select exists (select from public.blocked b where b.user_id = auth.uid())';"
            " create policy unblocked on public.conversations as restrictive using (not public.is_blocked())"
        )
        facts = read_facts(target)
        assert "public.conversations" in looked_up_by(facts)["public.blocked"]
        assert ("public", "blocked") in lookup_tables(target, facts)


def test_an_error_that_became_another_is_not_told_as_a_first_error() -> None:
    """Else whoever could never read the table is told to have lost it by this migration."""
    ann = Subject(1, "authenticated", "", "ann")
    found = [(ann, ("42P17 infinite recursion",))]

    new, another = (
        _difference("public.t", "error", had, "authenticated", ("select",), found, ()).sentence
        for had in ("", "42501 permission denied")
    )

    assert new == 'ann (authenticated) now get an error where they could select "public.t": 42P17 infinite recursion'
    assert another == (
        'ann (authenticated) now get another error if they select "public.t": 42P17 infinite recursion,'
        " where it was the error 42501 permission denied"
    )
