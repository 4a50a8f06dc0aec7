"""The demo target's tables, policies and people are those that the guide's migrations need."""

from __future__ import annotations

import pytest

from tests.demo.asking import Ask

TABLES = (
    "chat_telemetry",
    "conversations",
    "domains",
    "messages",
    "organization_members",
    "organizations",
    "scrape_jobs",
    "scraped_pages",
    "structured_extractions",
    "website_content",
)
BY_DOMAIN = ("conversations", "scrape_jobs", "scraped_pages", "website_content", "structured_extractions")
SLOW_POLICIES = sorted(
    [
        f"{table}_{command}"
        for table in ("conversations", "messages")
        for command in ("select", "insert", "update", "delete")
    ]
    + [f"{table}_all" for table in ("scrape_jobs", "scraped_pages", "website_content", "structured_extractions")]
)
GUIDES_USER = "00000000-0000-0000-0000-000000000001"


pytestmark = pytest.mark.usefixtures("fresh_cluster")


def test_the_ten_tables_have_rls_and_keys_but_none_of_the_three_indexes(ask: Ask) -> None:
    """Migration 1 would be measured against a database that has its indexes already."""
    assert ask(
        "select c.relname, c.relrowsecurity, r.rolname, exists (select from pg_catalog.pg_index i"
        " where i.indrelid = c.oid and i.indisprimary) from pg_catalog.pg_class c"
        " join pg_catalog.pg_roles r on r.oid = c.relowner"
        " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1"
    ) == [(table, True, "postgres", True) for table in TABLES]
    assert (
        ask(
            "select indexname from pg_catalog.pg_indexes "
            " where indexname like 'idx_chat_telemetry%' or indexname like '%_created'"
        )
        == []
    )


def test_the_twelve_slow_policies_stand_under_the_names_that_migration_3_alters(ask: Ask) -> None:
    """ALTER POLICY fails on a wrong name; a comment or another role would not survive the comparison."""
    slow = ask(
        "select p.polname, obj_description(p.oid, 'pg_policy') from pg_catalog.pg_policy p"
        " where p.polroles = array['authenticated'::regrole::oid]"
        " and concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))"
        " ~ 'user_id = auth.uid\\(\\)'"
        " order by 1"
    )
    assert slow == [(name, None) for name in SLOW_POLICIES]
    assert ask("select count(*) from pg_catalog.pg_policies where schemaname = 'public'") == [(len(SLOW_POLICIES) + 4,)]


def test_no_foreign_key_lacks_its_index(ask: Ask) -> None:
    """The security lints would report the demo itself, and hide what a migration adds."""
    assert (
        ask(
            "select c.conname from pg_catalog.pg_constraint c where c.contype = 'f'"
            " and c.connamespace = 'public'::regnamespace"
            " and not exists (select from pg_catalog.pg_index i"
            " where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])"
        )
        == []
    )


def test_the_demo_itself_gives_the_advisor_nothing_to_warn_of_but_the_twelve_policies(ask: Ask) -> None:
    """A finding of the demo's own would be taken for one that a migration added."""
    assert ask("select extname from pg_catalog.pg_extension where extnamespace = 'public'::regnamespace") == []
    assert ask("select proname from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace") == []
    assert (
        ask(
            "select tablename, cmd, count(*) from pg_catalog.pg_policies where schemaname = 'public' group by 1, 2"
            " having count(*) > 1"
        )
        == []
    )


@pytest.mark.parametrize("table", BY_DOMAIN)
def test_an_active_member_sees_exactly_the_rows_of_their_organizations(ask: Ask, table: str) -> None:
    """If every policy gave nothing, a proof that nothing changed would be vacuous."""
    mine = (
        f"select count(*) from public.{table} t join public.domains d on d.id = t.domain_id"
        " join public.organization_members m on m.organization_id = d.organization_id"
        " where m.user_id = %s and m.status = 'active'"
    )
    expected = ask(mine, GUIDES_USER)
    assert ask(f"select count(*) from public.{table}", subject=GUIDES_USER) == expected
    assert 0 < expected[0][0] < ask(f"select count(*) from public.{table}")[0][0]


def test_messages_and_telemetry_follow_the_conversations_and_domains_that_one_sees(ask: Ask) -> None:
    """Two tables hang on other tables' policies: a wrong one there would empty them."""
    for table in ("messages", "chat_telemetry", "organizations", "domains", "organization_members"):
        seen = ask(f"select count(*) from public.{table}", subject=GUIDES_USER)[0][0]
        assert 0 < seen < ask(f"select count(*) from public.{table}")[0][0], table


def test_suspended_unknown_and_anonymous_people_see_nothing(ask: Ask) -> None:
    """A tenant's rows shown to a suspended member are a leak that a count for one good user never finds."""
    # Of the large tenant, which has rows in every table: elsewhere "nothing" may be all there is.
    suspended = ask(
        "select m.user_id::text from public.organization_members m"
        " join public.organizations o on o.id = m.organization_id"
        " where o.slug = 'organization-1' and m.status = 'suspended' and not exists ("
        "select from public.organization_members x where x.user_id = m.user_id and x.status = 'active')"
        " order by 1 limit 1"
    )[0][0]
    loner = ask(
        "select u.id::text from auth.users u where not exists (select from public.organization_members m"
        " where m.user_id = u.id) order by 1 limit 1"
    )[0][0]
    people = [(suspended, "authenticated"), (loner, "authenticated"), (GUIDES_USER, "anon")]
    for table in (*BY_DOMAIN, "messages", "chat_telemetry", "domains"):
        for subject, role in people:
            assert ask(f"select count(*) from public.{table}", subject=subject, role=role) == [(0,)], (table, role)


def test_every_kind_of_person_tenant_and_row_exists_at_any_scale(ask: Ask) -> None:
    """A proof that never met a suspended member, a second organization or a null has not looked there."""
    kinds = {
        "in no organization": "select count(*) from auth.users u where not exists"
        " (select from public.organization_members m where m.user_id = u.id)",
        "in several": "select count(*) from (select from public.organization_members group by user_id"
        " having count(*) > 1) x",
        "active here, suspended there": "select count(*) from (select from public.organization_members group by user_id"
        " having count(distinct status) = 2) x",
        "suspended in the large tenant": "select count(*) from public.organization_members m"
        " join public.organizations o"
        " on o.id = m.organization_id where o.slug = 'organization-1' and m.status = 'suspended'",
        "conversations without domain": "select count(*) from public.conversations where domain_id is null",
        "conversations without metadata": "select count(*) from public.conversations where metadata is null",
        "telemetry of the last week": "select count(*) from public.chat_telemetry"
        " where created_at > now() - interval '7 days'",
        "failed pages": "select count(*) from public.scraped_pages where status = 'failed'",
    }
    assert [kind for kind, query in kinds.items() if ask(query)[0][0] == 0] == []
    share = ask(
        "select count(*) filter (where o.slug = 'organization-1')::float / count(*) from public.conversations c"
        " join public.domains d on d.id = c.domain_id join public.organizations o on o.id = d.organization_id"
    )[0][0]
    assert 0.08 < share < 0.2
    assert ask("select count(*) from public.conversations where id = '00000000-0000-0000-0000-000000000000'") == [(0,)]
