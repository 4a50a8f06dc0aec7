-- The same figures from the raw table.
set local role service_role;
select
    domain,
    count(*) as requests,
    count(*) filter (where not success) as failed_requests,
    sum(input_tokens::bigint) as input_tokens,
    sum(output_tokens::bigint) as output_tokens,
    sum(cost_usd) as cost_usd,
    round(avg(duration_ms), 2) as avg_duration_ms,
    max(duration_ms) as max_duration_ms,
    count(*) filter (where created_at > now() - interval '7 days') as requests_7d,
    coalesce(sum(cost_usd) filter (where created_at > now() - interval '7 days'), 0) as cost_usd_7d,
    round(avg(duration_ms) filter (where created_at > now() - interval '7 days'), 2) as avg_duration_ms_7d,
    min(created_at) as first_request_at,
    max(created_at) as last_request_at
from public.chat_telemetry
group by domain;
