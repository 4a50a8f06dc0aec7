-- check: rehearsal
-- Nobody writes on the copy, so every figure must be equal.
with shown as (
    select * from public.chat_telemetry_domain_summary
),

raw as (
    select
        t.domain,
        count(*) as requests,
        count(*) filter (where not t.success) as failed_requests,
        sum(t.input_tokens::bigint) as input_tokens,
        sum(t.output_tokens::bigint) as output_tokens,
        sum(t.cost_usd) as cost_usd,
        round(avg(t.duration_ms), 2) as avg_duration_ms,
        max(t.duration_ms) as max_duration_ms,
        count(*) filter (where t.created_at > m.at - interval '7 days') as requests_7d,
        coalesce(sum(t.cost_usd) filter (where t.created_at > m.at - interval '7 days'), 0) as cost_usd_7d,
        round(avg(t.duration_ms) filter (where t.created_at > m.at - interval '7 days'), 2) as avg_duration_ms_7d,
        min(t.created_at) as first_request_at,
        max(t.created_at) as last_request_at,
        m.at as materialized_at
    from public.chat_telemetry t
    cross join (select max(materialized_at) as at from shown) as m
    group by t.domain, m.at
)

select
    coalesce(s.domain, r.domain) as domain,
    'the view does not show what the table holds' as problem,
    to_jsonb(s) as in_the_view,
    to_jsonb(r) as in_the_table
from shown s
full join raw r on r.domain = s.domain
where to_jsonb(s) is distinct from to_jsonb(r)
limit 100;
