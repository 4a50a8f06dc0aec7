-- check: rehearsal
-- Nobody writes on the copy, so every figure must be equal.
with shown as (
    select * from public.chat_telemetry_model_summary
),

raw as (
    select
        t.model,
        (t.created_at at time zone 'UTC')::date as day,
        count(*) as requests,
        count(*) filter (where not t.success) as failed_requests,
        sum(t.input_tokens::bigint) as input_tokens,
        sum(t.output_tokens::bigint) as output_tokens,
        sum(t.cost_usd) as cost_usd,
        round(avg(t.duration_ms), 2) as avg_duration_ms,
        percentile_disc(0.95) within group (order by t.duration_ms) as p95_duration_ms,
        max(t.duration_ms) as max_duration_ms,
        m.at as materialized_at
    from public.chat_telemetry t
    cross join (select max(materialized_at) as at from shown) as m
    group by t.model, (t.created_at at time zone 'UTC')::date, m.at
)

select
    coalesce(s.model, r.model) as model,
    coalesce(s.day, r.day) as day,
    'the view does not show what the table holds' as problem,
    to_jsonb(s) as in_the_view,
    to_jsonb(r) as in_the_table
from shown s
full join raw r on r.model = s.model and r.day = s.day
where to_jsonb(s) is distinct from to_jsonb(r)
limit 100;
