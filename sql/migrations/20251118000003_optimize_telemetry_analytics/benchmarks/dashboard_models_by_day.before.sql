set local role service_role;
select
    model,
    (created_at at time zone 'UTC')::date as day,
    count(*) as requests,
    count(*) filter (where not success) as failed_requests,
    sum(cost_usd) as cost_usd,
    round(avg(duration_ms), 2) as avg_duration_ms,
    percentile_disc(0.95) within group (order by duration_ms) as p95_duration_ms
from public.chat_telemetry
group by model, (created_at at time zone 'UTC')::date
order by day desc, model;
