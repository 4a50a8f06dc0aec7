-- Two materialized views for the telemetry dashboards, refreshed every hour by pg_cron without blocking readers.
--
-- Windows ("7d") end at materialized_at, the time of the last refresh.

create materialized view public.chat_telemetry_domain_summary as
select
    t.domain,
    count(*) as requests,
    count(*) filter (where not t.success) as failed_requests,
    sum(t.input_tokens::bigint) as input_tokens,
    sum(t.output_tokens::bigint) as output_tokens,
    sum(t.cost_usd) as cost_usd,
    round(avg(t.duration_ms), 2) as avg_duration_ms,
    max(t.duration_ms) as max_duration_ms,
    count(*) filter (where t.created_at > now() - interval '7 days') as requests_7d,
    coalesce(sum(t.cost_usd) filter (where t.created_at > now() - interval '7 days'), 0) as cost_usd_7d,
    round(avg(t.duration_ms) filter (where t.created_at > now() - interval '7 days'), 2) as avg_duration_ms_7d,
    min(t.created_at) as first_request_at,
    max(t.created_at) as last_request_at,
    now() as materialized_at
from public.chat_telemetry t
group by t.domain;

create materialized view public.chat_telemetry_model_summary as
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
    now() as materialized_at
from public.chat_telemetry t
group by t.model, (t.created_at at time zone 'UTC')::date;

comment on materialized view public.chat_telemetry_domain_summary is
    'Requests, tokens, cost and speed of each domain, in all and in the last 7 days; as of materialized_at.';
comment on materialized view public.chat_telemetry_model_summary is
    'Requests, tokens, cost and speed of each model and day (UTC); as of materialized_at.';

-- A materialized view knows no row level security, and new ones are open to the API by default: every tenant's costs
-- would be public.
revoke all on public.chat_telemetry_domain_summary, public.chat_telemetry_model_summary
    from public, anon, authenticated, service_role;
grant select on public.chat_telemetry_domain_summary, public.chat_telemetry_model_summary to service_role;

-- The unique ones are what REFRESH CONCURRENTLY tells rows apart by.
create unique index idx_chat_telemetry_domain_summary_domain on public.chat_telemetry_domain_summary (domain);
create index idx_chat_telemetry_domain_summary_cost on public.chat_telemetry_domain_summary (cost_usd desc);
create index idx_chat_telemetry_domain_summary_cost_7d on public.chat_telemetry_domain_summary (cost_usd_7d desc);
create index idx_chat_telemetry_domain_summary_requests_7d on public.chat_telemetry_domain_summary (requests_7d desc);
create index idx_chat_telemetry_domain_summary_last_request on public.chat_telemetry_domain_summary (last_request_at desc);
create unique index idx_chat_telemetry_model_summary_model_day on public.chat_telemetry_model_summary (model, day);
create index idx_chat_telemetry_model_summary_day on public.chat_telemetry_model_summary (day desc);
create index idx_chat_telemetry_model_summary_cost on public.chat_telemetry_model_summary (cost_usd desc);
create index idx_chat_telemetry_model_summary_p95 on public.chat_telemetry_model_summary (p95_duration_ms desc);

-- New relations have no statistics until autovacuum comes by, and it may be an hour before that.
analyze public.chat_telemetry_domain_summary;
analyze public.chat_telemetry_model_summary;

-- A job of that name is replaced. Both refreshes are one transaction: the dashboards never see two different times.
select cron.schedule(
    'refresh-chat-telemetry-views',
    '0 * * * *',
    'refresh materialized view concurrently public.chat_telemetry_domain_summary;'
    ' refresh materialized view concurrently public.chat_telemetry_model_summary'
);
