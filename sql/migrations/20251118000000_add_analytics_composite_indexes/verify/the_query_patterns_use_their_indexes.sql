-- On a small table the planner is right to read it whole or to sort it: what counts is that it could use the index.
set local enable_seqscan = off;
set local enable_sort = off;
set local enable_bitmapscan = off;
with pattern (query_pattern, index_name, statement) as (
    values
        (
            'cost and speed of all domains in the last 7 days',
            'idx_chat_telemetry_domain_cost_created',
            'select domain, count(*), sum(cost_usd), avg(duration_ms) from public.chat_telemetry'
                ' where created_at > now() - interval ''7 days'' group by domain'
        ),
        (
            'cost of one domain in the last 7 days',
            'idx_chat_telemetry_domain_cost_created',
            'select count(*), sum(cost_usd) from public.chat_telemetry'
                ' where domain = ''example.com'' and created_at > now() - interval ''7 days'''
        ),
        (
            'speed of one model in the last 7 days',
            'idx_chat_telemetry_model_duration',
            'select count(*), avg(duration_ms), max(duration_ms) from public.chat_telemetry'
                ' where model = ''example'' and created_at > now() - interval ''7 days'''
        ),
        (
            'latest pages of one domain and status',
            'idx_scraped_pages_domain_status_created',
            'select url, created_at from public.scraped_pages'
                ' where domain_id = ''00000000-0000-0000-0000-000000000000'' and status = ''failed'''
                ' order by created_at desc limit 20'
        )
),

planned as (
    select p.*, deploy_ledger.plan(p.statement) as plan
    from pattern p
)

select
    query_pattern,
    index_name || ' is not used' as problem,
    coalesce(
        (select string_agg(used #>> '{}', ', ') from jsonb_path_query(plan, 'strict $.**."Index Name"') as used),
        'no index'
    ) as used_instead,
    statement
from planned
where not jsonb_path_exists(plan, 'strict $.**."Index Name" ? (@ == $name)', jsonb_build_object('name', index_name));
