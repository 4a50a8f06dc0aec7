-- Not every pg_cron has all columns of a job, so they are read from its row as JSON.
with job as (
    select j.*, to_jsonb(j) as details
    from cron.job j
    where j.jobname = 'refresh-chat-telemetry-views'
)

select problem, (select string_agg(schedule || ' ' || command, '; ') from job) as found
from (
    select 'there are ' || count(*) || ' jobs named refresh-chat-telemetry-views instead of one' as problem
    from job
    having count(*) <> 1
    union all
    select 'the job does not run once an hour: ' || schedule
    from job
    where schedule !~ '^[0-9]{1,2} \* \* \* \*$'
    union all
    select 'the job is switched off'
    from job
    where not coalesce((details ->> 'active')::boolean, true)
    union all
    select 'the job runs in another database: ' || (details ->> 'database')
    from job
    where details ->> 'database' <> current_database()
        and current_setting('cron.database_name', true) = current_database()
    union all
    select 'the job does not refresh ' || view_name || ' concurrently'
    from job, unnest(array['chat_telemetry_domain_summary', 'chat_telemetry_model_summary']) as view_name
    where command !~* ('refresh\s+materialized\s+view\s+concurrently\s+public\.' || view_name || '\M')
) as problems;
