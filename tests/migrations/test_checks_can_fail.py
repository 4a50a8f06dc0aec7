"""Every check of the four migrations finds what it is there for."""

from __future__ import annotations

import pytest

from tests.migrations.conftest import Copy
from tests.migrations.runner import FOLDER, INDEXES, METADATA, POLICIES, STEMS, VIEWS, apply, findings

FUNCTION = "public.update_conversation_metadata(uuid, jsonb)"
REPLACE = """create or replace function public.update_conversation_metadata(p_conversation_id uuid, p_metadata jsonb)
    returns jsonb"""
# With the owner's rights: else the policy of domains, which the helper's look-up is subject to, hides most mistakes.
HELPER = """create or replace function access_checks.check_domain_access() returns setof uuid language {} stable
    security definer set search_path = '' as $$ {} $$"""
DOMAINS = """select d.id from public.domains d where d.organization_id in (
    select om.organization_id from public.organization_members om where om.user_id = (select auth.uid()) {})"""
ONE_ROW = "where id = (select min(id::text)::uuid from public.chat_telemetry)"
SLOW = "domain_id in (select d.id from public.domains d join public.organization_members om using (organization_id))"

# What is broken, by the check that must notice. Planted by the superuser.
BROKEN: dict[tuple[str, str], dict[str, list[str]]] = {
    (INDEXES, "three_indexes_are_valid_and_as_defined"): {
        "missing": ["drop index public.idx_chat_telemetry_model_duration"],
        "invalid": [
            "update pg_index set indisvalid = false"
            " where indexrelid = 'public.idx_scraped_pages_domain_status_created'::regclass"
        ],
        "other columns": [
            "drop index public.idx_chat_telemetry_domain_cost_created",
            "create index idx_chat_telemetry_domain_cost_created on public.chat_telemetry (domain)",
        ],
    },
    (INDEXES, "the_query_patterns_use_their_indexes"): {
        "other columns": [
            "drop index public.idx_scraped_pages_domain_status_created",
            "create index idx_scraped_pages_domain_status_created on public.scraped_pages (url)",
        ],
        "other model": [
            "drop index public.idx_chat_telemetry_model_duration",
            "create index idx_chat_telemetry_model_duration on public.chat_telemetry (duration_ms)",
        ],
    },
    (INDEXES, "analytics_queries_still_work"): {
        "rows vanish": [
            "create rule lost as on insert to public.chat_telemetry where new.cost_usd > 0.4 do instead nothing"
        ],
        "refused": ["alter table public.scraped_pages add check (url not like '%.invalid/%')"],
    },
    (METADATA, "the_function_exists_and_runs_as_its_caller"): {
        "gone": [f"drop function {FUNCTION}"],
        "definer": [f"alter function {FUNCTION} security definer"],
        "open to anon": [f"grant execute on function {FUNCTION} to anon"],
        "open to everybody": [f"grant execute on function {FUNCTION} to public"],
        "closed to users": [f"revoke execute on function {FUNCTION} from authenticated"],
        "mutable path": [f"alter function {FUNCTION} reset search_path"],
        "a second one": [
            "create function public.update_conversation_metadata(a text) returns text language sql as 'select $1'"
        ],
    },
    (METADATA, "the_function_executes_without_errors"): {
        "raises": [f"{REPLACE} language plpgsql as $$ begin raise 'broken'; end $$"],
        "answers for nobody": [f"{REPLACE} language sql as $$ select '{{}}'::jsonb $$"],
    },
    (METADATA, "the_function_merges_and_refuses_as_promised"): {
        "shallow": [
            f"{REPLACE} language sql as $$ update public.conversations set metadata = metadata || p_metadata"
            " where id = p_conversation_id returning metadata $$"
        ],
    },
    (METADATA, "conversation_updates_still_work"): {
        "service_role": ["revoke update on public.conversations from service_role"],
        "members": ["drop policy conversations_update on public.conversations"],
    },
    (METADATA, "nobody_updates_another_tenants_conversation"): {
        "definer": [f"alter function {FUNCTION} security definer", f"alter function {FUNCTION} owner to postgres"],
    },
    (POLICIES, "both_helpers_exist_outside_the_api"): {
        "definer": ["alter function access_checks.check_domain_access() security definer"],
        "open to anon": ["grant execute on function access_checks.check_message_access() to anon"],
        "closed to users": ["revoke usage on schema access_checks from authenticated"],
        "mutable path": ["alter function access_checks.check_domain_access() reset search_path"],
        "answers about others": [
            "create function public.check_domain_access(u uuid, d uuid) returns boolean language sql as 'select true'"
        ],
        "exposed": ["alter role authenticator set pgrst.db_schemas = 'public, access_checks'"],
    },
    (POLICIES, "twelve_policies_call_the_helpers"): {
        "dropped": ["drop policy messages_delete on public.messages"],
        "left behind": [
            f"create policy conversation_select on public.conversations for select to authenticated using ({SLOW})"
        ],
        "still slow": [f"alter policy scrape_jobs_all on public.scrape_jobs using ({SLOW})"],
        "to public": ["alter policy conversations_select on public.conversations to public"],
        "true": ["alter policy conversations_delete on public.conversations using (true)"],
        "widened": [
            "alter policy conversations_select on public.conversations using (domain_id is null"
            " or domain_id = any (array(select access_checks.check_domain_access())))"
        ],
        "security off": ["alter table public.website_content disable row level security"],
    },
    (POLICIES, "the_helpers_run_once_a_query"): {
        "per row": [
            "create function access_checks.check_domain_access(d uuid) returns boolean language sql stable as"
            " 'select d in (select access_checks.check_domain_access())'",
            "grant execute on function access_checks.check_domain_access(uuid) to authenticated",
            "alter policy scraped_pages_all on public.scraped_pages"
            " using (access_checks.check_domain_access(domain_id))",
        ],
    },
    (POLICIES, "users_read_the_rows_of_their_domains_and_no_others"): {
        "suspended members read": [HELPER.format("sql", DOMAINS.format(""))],
        "nobody reads": [HELPER.format("sql", "select null::uuid where false")],
        "everything": ["alter policy website_content_all on public.website_content using (true)"],
        "rows without a domain": [
            "alter policy conversations_select on public.conversations using (domain_id is null"
            " or domain_id = any (array(select access_checks.check_domain_access())))"
        ],
        "anon": ["create policy open on public.scrape_jobs for select to anon using (true)"],
        "security off": ["alter table public.messages disable row level security"],
        "one domain too many": [
            HELPER.format(
                "sql",
                DOMAINS.format("and om.status = 'active'")
                + " union (select domain_id from public.conversations"
                " where domain_id is not null order by ctid limit 1)",
            ),
        ],
    },
    (POLICIES, "users_write_in_their_domains_and_nowhere_else"): {
        "insert anywhere": ["alter policy messages_insert on public.messages with check (true)"],
        "move anywhere": [
            "alter policy conversations_update on public.conversations with check (true)",
            "alter policy conversations_select on public.conversations using (true)",
        ],
        "suspended members write": [HELPER.format("sql", DOMAINS.format(""))],
        "no inserts": ["drop policy conversations_insert on public.conversations"],
        "no deletes": ["drop policy messages_delete on public.messages"],
        "security off": ["alter table public.structured_extractions disable row level security"],
    },
    (VIEWS, "two_materialized_views_exist_and_are_populated"): {
        "gone": ["drop materialized view public.chat_telemetry_model_summary"],
        "never filled": ["refresh materialized view public.chat_telemetry_domain_summary with no data"],
    },
    (VIEWS, "views_contain_data"): {
        "empty": [
            "create table public.kept as table public.chat_telemetry",
            "truncate public.chat_telemetry",
            "refresh materialized view public.chat_telemetry_domain_summary",
            "insert into public.chat_telemetry table public.kept",
        ],
    },
    (VIEWS, "nine_indexes_are_valid_and_as_defined"): {
        "not unique": [
            "drop index public.idx_chat_telemetry_domain_summary_domain",
            "create index idx_chat_telemetry_domain_summary_domain on public.chat_telemetry_domain_summary (domain)",
        ],
        "missing": ["drop index public.idx_chat_telemetry_model_summary_p95"],
    },
    (VIEWS, "one_cron_job_refreshes_both_views_every_hour"): {
        "gone": ["delete from cron.job"],
        "daily": ["update cron.job set schedule = '0 3 * * *'"],
        "off": ["update cron.job set active = false"],
        "one view": [
            "update cron.job set command = 'refresh materialized view concurrently public.chat_telemetry_model_summary'"
        ],
    },
    (VIEWS, "the_job_refreshes_both_views"): {
        "no unique index": ["drop index public.idx_chat_telemetry_domain_summary_domain"],
        "no command": ["update cron.job set command = 'select 1'"],
    },
    (VIEWS, "views_are_closed_to_anon_and_authenticated"): {
        "anon": ["grant select on public.chat_telemetry_domain_summary to anon"],
        "a column": ["grant select (cost_usd) on public.chat_telemetry_model_summary to authenticated"],
        "everybody": ["grant select on public.chat_telemetry_model_summary to public"],
        "service_role": ["revoke select on public.chat_telemetry_model_summary from service_role"],
    },
    (VIEWS, "domain_summary_equals_the_raw_table"): {
        "one row less": [f"delete from public.chat_telemetry {ONE_ROW}"],
        "one cost": [f"update public.chat_telemetry set cost_usd = cost_usd + 0.000001 {ONE_ROW}"],
    },
    (VIEWS, "model_summary_equals_the_raw_table"): {
        "one row less": [f"delete from public.chat_telemetry {ONE_ROW}"],
    },
    (VIEWS, "views_agree_with_the_raw_table"): {
        "a tenth is missing": [
            "delete from public.chat_telemetry where hashtext(id::text) % 10 = 1",
        ],
    },
    (VIEWS, "dashboard_queries_use_the_new_views"): {
        "missing": ["drop index public.idx_chat_telemetry_domain_summary_cost_7d"],
        "unreadable": ["revoke select on public.chat_telemetry_domain_summary from service_role"],
    },
}  # fmt: skip

CASES = [(stem, check, name) for (stem, check), plants in BROKEN.items() for name in plants]


def test_every_check_has_a_planted_fault() -> None:
    """A check that nobody has seen fail may be one that cannot."""
    files = {(stem, file.stem) for stem in STEMS for file in (FOLDER / stem / "verify").glob("*.sql")}
    assert files == set(BROKEN)


@pytest.mark.parametrize(("stem", "check", "name"), CASES, ids=[f"{check}-{name}" for _, check, name in CASES])
def test_a_planted_fault_is_found(copy: Copy, stem: str, check: str, name: str) -> None:
    """The migration would count as proven although it does not hold."""
    apply(copy.connection, stem)
    copy.plant(*BROKEN[stem, check][name])
    try:
        assert check in findings(copy.connection, stem, only=check)
    finally:
        copy.plant("alter role authenticator reset all", "alter role authenticator set statement_timeout = '8s'")
