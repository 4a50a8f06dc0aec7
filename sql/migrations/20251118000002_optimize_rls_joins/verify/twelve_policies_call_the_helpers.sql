-- The set of policies counts as much as their text: an old one left behind under a mistyped name shows in no row, because
-- it grants what the new ones grant.
with expected (table_name, policy_name, command, helper, has_using, has_check) as (
    values
        ('conversations', 'conversations_select', 'r', 'check_domain_access', true, false),
        ('conversations', 'conversations_insert', 'a', 'check_domain_access', false, true),
        ('conversations', 'conversations_update', 'w', 'check_domain_access', true, true),
        ('conversations', 'conversations_delete', 'd', 'check_domain_access', true, false),
        ('messages', 'messages_select', 'r', 'check_message_access', true, false),
        ('messages', 'messages_insert', 'a', 'check_message_access', false, true),
        ('messages', 'messages_update', 'w', 'check_message_access', true, true),
        ('messages', 'messages_delete', 'd', 'check_message_access', true, false),
        ('scrape_jobs', 'scrape_jobs_all', '*', 'check_domain_access', true, true),
        ('scraped_pages', 'scraped_pages_all', '*', 'check_domain_access', true, true),
        ('website_content', 'website_content_all', '*', 'check_domain_access', true, true),
        ('structured_extractions', 'structured_extractions_all', '*', 'check_domain_access', true, true)
),

found as (
    select
        c.relname::text as table_name,
        p.polname::text as policy_name,
        p.polcmd::text as command,
        p.polpermissive,
        p.polroles::regrole[]::text as roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_text,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_text
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public'
        and c.relname in (select e.table_name from expected e)
),

judged as (
    select
        coalesce(e.table_name, f.table_name) as table_name,
        coalesce(e.policy_name, f.policy_name) as policy_name,
        case
            when f.policy_name is null then 'the policy does not exist'
            when concat_ws(' ', f.using_text, f.check_text) ~ '\morganization_members\M'
                then 'the policy still has the old sub-selects'
            when e.policy_name is null then null
            when f.command <> e.command then 'the policy is for another command'
            when not f.polpermissive then 'the policy is restrictive'
            when f.roles <> '{authenticated}' then 'the policy is for other roles: ' || f.roles
            when (f.using_text is not null) <> e.has_using or (f.check_text is not null) <> e.has_check
                then 'the policy has or lacks USING or WITH CHECK'
            when position('select access_checks.' || e.helper || '()' in lower(coalesce(f.using_text, f.check_text))) = 0
                or position('select access_checks.' || e.helper || '()' in lower(coalesce(f.check_text, f.using_text))) = 0
                then 'the policy does not call ' || e.helper
            when concat_ws(' ', f.using_text, f.check_text) ~* '\m(or|true)\M'
                then 'the policy allows more than the helper does'
        end as problem,
        f.using_text,
        f.check_text
    from expected e
    full join found f using (table_name, policy_name)
)

select table_name, policy_name, problem, using_text, check_text
from judged
where problem is not null
union all
select e.table_name, null, 'row level security is off', null, null
from (select distinct table_name from expected) e
join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass('public.' || e.table_name)
where not c.relrowsecurity;
