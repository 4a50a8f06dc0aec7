-- Jobs of pg_cron whose last run failed, with how often in a row. A job that refreshes a view is told with its view.
with run as (
    select
        d.jobid,
        d.status,
        d.return_message,
        d.start_time,
        row_number() over (partition by d.jobid order by d.runid desc) as place
    from cron.job_run_details d
    where d.status in ('succeeded', 'failed')
        and d.start_time > now() - interval '2 days'
), last_good as (
    select r.jobid, min(r.place) as place
    from run r
    where r.status = 'succeeded'
    group by r.jobid
)
select
    coalesce(j.jobname, 'job ' || j.jobid) as object,
    (
        select count(*)
        from run r
        where r.jobid = j.jobid
            and r.place < coalesce(g.place, 9223372036854775807)
    ) as value,
    'failed runs in a row' as unit,
    jsonb_build_object(
        'cause', format('the last run of job %s failed: %s', j.jobid, left(btrim(f.return_message), 200))
    ) as detail
from cron.job j
join run f on f.jobid = j.jobid and f.place = 1
left join last_good g on g.jobid = j.jobid
where j.active
    and j.database = current_database()
    and j.command !~* 'refresh\s+materialized\s+view'
