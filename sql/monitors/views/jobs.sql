-- The jobs of pg_cron that refresh materialized views, with their last run and their last success.
select
    j.jobid,
    coalesce(j.jobname, 'job ' || j.jobid)::text as name,
    j.schedule::text as schedule,
    j.command::text as command,
    j.active,
    r.status::text as status,
    left(btrim(r.return_message), 300) as message,
    extract(epoch from clock_timestamp() - r.started_at)::float8 as ran_s,
    extract(epoch from clock_timestamp() - g.end_time)::float8 as succeeded_s
from cron.job j
left join lateral (
    select d.status, d.return_message, coalesce(d.start_time, d.end_time) as started_at
    from cron.job_run_details d
    where d.jobid = j.jobid
        and d.status in ('succeeded', 'failed')
    order by d.runid desc
    limit 1
) r on true
left join lateral (
    select d.end_time
    from cron.job_run_details d
    where d.jobid = j.jobid
        and d.status = 'succeeded'
    order by d.runid desc
    limit 1
) g on true
where j.database = current_database()
    and j.command ~* 'refresh\s+materialized\s+view'
order by j.jobid
