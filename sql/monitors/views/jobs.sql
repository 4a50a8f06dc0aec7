-- The jobs of pg_cron in this database, with what they run (also inside the functions that they call), their last run and
-- their last success.
with refresher as materialized (
    select p.proname::text as name, string_agg(p.prosrc, E'\n') as body
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname not in ('pg_catalog', 'information_schema')
        and p.prosrc ~* 'refresh\s+materialized\s+view'
    group by p.proname
)
select
    j.jobid,
    coalesce(to_jsonb(j) ->> 'jobname', 'job ' || j.jobid) as name,
    j.schedule::text as schedule,
    j.command || coalesce((
        select string_agg(E'\n' || f.body, '')
        from refresher f
        where position(f.name || '(' in replace(replace(j.command, '"', ''), ' ', '')) > 0
    ), '') as command,
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
order by j.jobid
