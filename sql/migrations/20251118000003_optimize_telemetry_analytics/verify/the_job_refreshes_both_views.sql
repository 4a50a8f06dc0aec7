-- check: writes
-- Runs what pg_cron will run, and takes it back: a view without a usable unique index fails only when it is refreshed.
do $$
declare
    job record;
begin
    for job in select command from cron.job where jobname = 'refresh-chat-telemetry-views'
    loop
        execute job.command;
    end loop;
end
$$;

select view_name, 'the job did not refresh the view' as problem, materialized_at
from (
    select 'chat_telemetry_domain_summary' as view_name, min(materialized_at) as materialized_at
    from public.chat_telemetry_domain_summary
    union all
    select 'chat_telemetry_model_summary', min(materialized_at)
    from public.chat_telemetry_model_summary
) as refreshed
where materialized_at <> now();
