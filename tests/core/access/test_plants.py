"""What somebody could slip into migration 3, each found and told in words that a reviewer understands."""

from __future__ import annotations

import pytest

from pg_deploy.access.decide import decide
from pg_deploy.access.facts.differences import access_changes
from pg_deploy.catalog.reader import read_facts_in_transaction
from pg_deploy.migrations.access_file import AccessFile
from tests.core.access.conftest import MIGRATION, Pair, said
from tests.long import only_quick

ONE_USER = "(select user_id from public.organization_members where status = 'active' order by user_id limit 1)"

PLANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a forgotten status = 'active'": (
        "create or replace function access_checks.check_domain_access() returns setof uuid language plpgsql stable"
        " security definer set search_path = '' as $$ begin return query select d.id from public.domains d where"
        " d.organization_id in (select om.organization_id from public.organization_members om"
        " where om.user_id = (select auth.uid())); end $$",
        ("can now select", '"public.conversations"', 'policy "conversations_select" now says'),
    ),
    "using (true)": (
        "alter policy scraped_pages_all on public.scraped_pages using (true)",
        ("can now select", '"public.scraped_pages"'),
    ),
    "with check (true) on update": (
        "alter policy messages_update on public.messages with check (true)",
        ("can now produce by update rows", '"public.messages"', "conversation_id ="),
    ),
    "a delete policy widened": (
        "alter policy messages_delete on public.messages using (role = 'user' or conversation_id in"
        " (select c.id from public.conversations c))",
        ("can now delete", '"public.messages"'),
    ),
    "a null domain_id made visible": (
        "alter policy conversations_select on public.conversations using (domain_id is null or domain_id = any"
        " (array(select access_checks.check_domain_access())))",
        ("can now select", '"public.conversations"'),
    ),
    "a policy to public": (
        "alter policy conversations_select on public.conversations to public",
        ("more policies than before let anon select", '"public.conversations"'),
    ),
    "row level security disabled": (
        "alter table public.messages disable row level security",
        ('row level security of "public.messages" is disabled', "can now select"),
    ),
    "a policy dropped": (
        "drop policy messages_delete on public.messages",
        ("can no longer delete", '"messages_delete" no longer applies'),
    ),
    "a policy left behind because its name was mistyped": (
        "drop policy if exists conversation_select on public.conversations; create policy conversations_select_v2"
        " on public.conversations for select to authenticated"
        " using (domain_id = any (array(select access_checks.check_domain_access())))",
        ('"conversations_select_v2" is new', '"conversations_select", which stayed'),
    ),
    "a definer function returning rows, executable by anon": (
        "create function public.all_messages() returns setof public.messages language sql stable security definer"
        " set search_path = '' as 'select * from public.messages'",
        ('function "public.all_messages()" is new: anon can execute', "rights of its owner"),
    ),
    "a view with owner's rights": (
        "create view public.everything as select * from public.messages",
        ('view "public.everything" is new: anon can', "rights of its owner"),
    ),
    "a materialized view granted to authenticated": (
        "create materialized view public.costs as select * from public.chat_telemetry;"
        " revoke all on public.costs from anon, service_role",
        ('materialized view "public.costs" is new: authenticated can select', "knows no row level security"),
    ),
    "column grants changed": (
        "revoke update on public.messages from authenticated; grant update (content) on public.messages to authenticated",
        ('authenticated could update table "public.messages" and can no longer',),
    ),
    "data updated so that rows change tenant": (
        "update public.conversations set domain_id = (select id from public.domains order by id limit 1)"
        " where id in (select id from public.conversations where domain_id is not null order by id desc limit 7)",
        ("can now select", "can no longer", '"public.conversations"', "7 rows changed domain_id"),
    ),
    "rows deleted": (
        "delete from public.structured_extractions where id in (select id from public.structured_extractions limit 3)",
        ("can no longer select", '"public.structured_extractions"', "3 rows are gone"),
    ),
    "rows lost rather than gained": (
        "alter policy website_content_all on public.website_content using (content_type = 'x' and domain_id = any"
        " (array(select access_checks.check_domain_access())))",
        ("can no longer select", '"public.website_content"'),
    ),
    "suspended members": (
        "update public.organization_members set status = 'suspended' where user_id = " + ONE_USER,
        ("can no longer select", '"public.conversations"'),
    ),
    "a helper body that answers more for one user": (
        "create or replace function access_checks.check_domain_access() returns setof uuid language plpgsql stable"
        " security definer set search_path = '' as $$ begin return query select d.id from public.domains d where"
        " d.organization_id in (select om.organization_id from public.organization_members om"
        " where om.user_id = (select auth.uid()) and om.status = 'active')"
        f" or (d.id = (select x.id from public.domains x order by x.id limit 1) and (select auth.uid()) = {ONE_USER}); end $$",
        ("can now select", '"public.scraped_pages"'),
    ),
    "a lookup table's policy": (
        "alter policy domains_select on public.domains using (organization_id in (select om.organization_id from"
        " public.organization_members om where om.user_id = (select auth.uid())))",
        ("can now select", '"public.domains"'),
    ),
    "execute revoked": (
        "revoke execute on function access_checks.check_domain_access() from authenticated",
        ("now get an error", "permission denied for function check_domain_access"),
    ),
    "a restrictive policy": (
        "create policy one on public.scrape_jobs as restrictive for select to authenticated"
        " using (domain_id <> (select id from public.domains order by id limit 1))",
        ("can no longer select", 'policy "one" now applies'),
    ),
    "a claim that opens everything": (
        "alter policy scrape_jobs_all on public.scrape_jobs using (domain_id = any (array(select"
        " access_checks.check_domain_access())) or (select (auth.jwt() ->> 'is_support') = 'yes'))",
        ("is_support = 'yes'", "can now select", '"public.scrape_jobs"'),
    ),
}

BY_SUPERUSER: dict[str, tuple[str, tuple[str, ...]]] = {
    "auth.uid() replaced for one user": (
        "create or replace function auth.uid() returns uuid language sql stable as $$ select case when"
        " nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' = '00000000-0000-0000-0000-000000000001'"
        " then (select max(id::text)::uuid from (values ('ffffffff-ffff-4fff-bfff-fffffffffffe')) v (id))"
        " else (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid end $$",
        ("user 00000000-0000-0000-0000-000000000001", "can no longer select", '"auth.uid()"'),
    ),
}


QUICK = (
    "a forgotten status = 'active'",
    "row level security disabled",
    "a policy dropped",
)
"""Those that `make test` runs; `make acceptance` runs the others."""


@pytest.mark.parametrize("name", only_quick([*PLANTS, *BY_SUPERUSER], QUICK))
def test_a_plant_is_reported_in_words(pair: Pair, name: str) -> None:
    """A reviewer who reads `count differs` would approve it; who reads who gained which rows would not."""
    statement, expected = {**PLANTS, **BY_SUPERUSER}[name]
    pair.deploy(MIGRATION)
    (pair.plant if name in BY_SUPERUSER else pair.deploy)(statement)
    proof = pair.prove()
    text = said(proof)
    decision = decide("unchanged", AccessFile(), proof)
    for part in expected:
        assert part in text, f"{part}\n---\n{text}\n---\n" + "\n".join(each.sentence for each in proof.unsettled)
    assert proof.verdict == "different" or proof.opened
    assert not decision.passes


EQUIVALENT = {
    "the migration itself": "",
    "an EXISTS": (
        "alter policy conversations_select on public.conversations using (exists (select from public.domains d"
        " join public.organization_members om on om.organization_id = d.organization_id"
        " where d.id = conversations.domain_id and om.user_id = (select auth.uid()) and om.status = 'active'))"
    ),
    "a per-row helper": (
        "create function access_checks.may(wanted uuid) returns boolean language sql stable security definer"
        " set search_path = '' as $$ select exists (select from public.domains d join public.organization_members om"
        " on om.organization_id = d.organization_id where d.id = wanted and om.user_id = (select auth.uid())"
        " and om.status = 'active') $$; revoke all on function access_checks.may(uuid) from public, anon;"
        " grant execute on function access_checks.may(uuid) to authenticated;"
        " alter policy scrape_jobs_all on public.scrape_jobs using (access_checks.may(domain_id))"
        " with check (access_checks.may(domain_id))"
    ),
    "a comment": "comment on table public.messages is 'one message'",
    "an index": "create index on public.messages (role)",
}


@pytest.mark.parametrize("name", only_quick(EQUIVALENT, ["the migration itself"]))
def test_an_equivalent_change_raises_nothing(pair: Pair, name: str) -> None:
    """A false alarm in every deployment is an alarm that nobody reads."""
    pair.deploy(MIGRATION)
    if EQUIVALENT[name]:
        pair.deploy(EQUIVALENT[name])
    proof = pair.prove(cross_check_s=3.0)
    opened = [change.sentence for change in proof.opened]
    assert [found.sentence for found in proof.found] == []
    assert [found.sentence for found in proof.disagreements] == []
    assert proof.unsettled == ()
    assert proof.verdict == "the same"
    assert len(opened) == (1 if name == "a per-row helper" else 0)
    assert proof.asked == proof.subjects >= 200


def test_an_index_alone_is_equal_by_catalog(pair: Pair) -> None:
    """Reading a million rows to learn that an index changed nobody's access costs a deployment its quarter of an hour."""
    pair.deploy("create index on public.messages (role); comment on table public.messages is 'one message'")
    assert pair.prove(data_may_differ=False).verdict == "equal"


@pytest.mark.acceptance
def test_migration_3_is_proved_for_everybody(pair: Pair) -> None:
    """At the scale of production (DEMO_SCALE=1): every user, with the real machinery asked at length."""
    pair.deploy(MIGRATION)
    proof = pair.prove(cross_check_s=60.0, budget_s=900.0)
    assert (proof.verdict, proof.unsettled, proof.disagreements) == ("the same", (), ())
    assert proof.asked == proof.subjects


def test_what_cannot_be_read_symbolically_is_not_called_proved(pair: Pair) -> None:
    """Dynamic SQL may read a table that nothing names: one opinion is not two."""
    pair.deploy(
        MIGRATION,
        "create or replace function access_checks.check_message_access() returns setof uuid language plpgsql stable"
        " set search_path = '' as $$ begin return query execute 'select d.id from public.domains d'; end $$",
    )
    proof = pair.prove()
    assert proof.verdict == "not proved"
    assert any("runs dynamic SQL" in each.reason for each in proof.unsettled)
    assert not decide("unchanged", AccessFile(), proof).passes


def test_a_random_policy_is_not_called_proved(pair: Pair) -> None:
    """A function that calls random() under the label STABLE answers each question as it likes."""
    pair.deploy(
        MIGRATION,
        "create function access_checks.lucky() returns boolean language sql stable as 'select random() < 2'",
        "alter policy scrape_jobs_all on public.scrape_jobs using ((select access_checks.lucky()) and domain_id = any"
        " (array(select access_checks.check_domain_access())))",
    )
    proof = pair.prove()
    assert proof.verdict == "not proved"
    assert any("volatile" in each.reason for each in proof.unsettled)


def test_attributes_and_memberships_of_roles_are_told(pair: Pair) -> None:
    """BYPASSRLS and a membership make every policy void, and change none."""
    pair.new.execute("begin")
    before = read_facts_in_transaction(pair.new)
    pair.new.execute("alter role authenticated bypassrls; grant service_role to authenticated")
    after = read_facts_in_transaction(pair.new)
    pair.new.execute("rollback")
    told = "\n".join(change.sentence for change in access_changes(before, after) if change.decides)
    assert 'role "authenticated" now bypasses row level security' in told
    assert 'role "authenticated" is now a member of "service_role"' in told
