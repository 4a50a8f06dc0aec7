-- Asks as the role that serves the dashboards. On a small view sorting is right: what counts is that it could use the index.
set local enable_seqscan = off;
set local enable_sort = off;
set local enable_bitmapscan = off;
do $$
declare
    dashboard record;
    plan jsonb;
begin
    set local role service_role;
    for dashboard in
        select *
        from (
            values
                (
                    'idx_chat_telemetry_domain_summary_domain',
                    'select * from public.chat_telemetry_domain_summary where domain = ''example.com'''
                ),
                (
                    'idx_chat_telemetry_domain_summary_cost',
                    'select domain, cost_usd from public.chat_telemetry_domain_summary order by cost_usd desc limit 10'
                ),
                (
                    'idx_chat_telemetry_domain_summary_cost_7d',
                    'select domain, cost_usd_7d from public.chat_telemetry_domain_summary order by cost_usd_7d desc limit 10'
                ),
                (
                    'idx_chat_telemetry_domain_summary_requests_7d',
                    'select domain, requests_7d from public.chat_telemetry_domain_summary'
                        ' order by requests_7d desc limit 10'
                ),
                (
                    'idx_chat_telemetry_domain_summary_last_request',
                    'select domain from public.chat_telemetry_domain_summary order by last_request_at desc limit 10'
                ),
                (
                    'idx_chat_telemetry_model_summary_model_day',
                    'select * from public.chat_telemetry_model_summary where model = ''example'''
                ),
                (
                    'idx_chat_telemetry_model_summary_day',
                    'select * from public.chat_telemetry_model_summary order by day desc limit 10'
                ),
                (
                    'idx_chat_telemetry_model_summary_cost',
                    'select model, day, cost_usd from public.chat_telemetry_model_summary order by cost_usd desc limit 10'
                ),
                (
                    'idx_chat_telemetry_model_summary_p95',
                    'select model, day from public.chat_telemetry_model_summary order by p95_duration_ms desc limit 10'
                )
        ) as q (index_name, statement)
    loop
        execute 'explain (format json) ' || dashboard.statement into plan;
        continue when jsonb_path_exists(
            plan, 'strict $.**."Index Name" ? (@ == $name)', jsonb_build_object('name', dashboard.index_name)
        );
        perform set_config(
            'check.unused',
            (coalesce(nullif(current_setting('check.unused', true), ''), '[]')::jsonb || to_jsonb(dashboard))::text,
            true
        );
    end loop;
    set local role none;
end
$$;

select q ->> 'index_name' as index_name, 'the dashboard query does not use the index' as problem, q ->> 'statement' as statement
from jsonb_array_elements(coalesce(nullif(current_setting('check.unused', true), ''), '[]')::jsonb) as q;
