-- Jobs of pg_cron whose last run failed, with how often in a row.
with run as (
    select
        d.jobid,
        d.status,
        d.return_message,
        row_number() over (partition by d.jobid order by d.runid desc) as place
    from cron.job_run_details d
    where d.status in ('succeeded', 'failed')
        -- A job that could not even connect has no start.
        and coalesce(d.start_time, d.end_time, now()) > now() - interval '2 days'
), last_good as (
    select r.jobid, min(r.place) as place
    from run r
    where r.status = 'succeeded'
    group by r.jobid
)
select
    coalesce(to_jsonb(j) ->> 'jobname', 'job ' || j.jobid) as object,
    (
        select count(*)
        from run r
        where r.jobid = j.jobid
            and r.place < coalesce(g.place, 9223372036854775807)
    ) as value,
    'failed runs in a row' as unit,
    jsonb_build_object(
        'jobid', j.jobid,
        'cause', format('the last run of job %s failed: %s', j.jobid, left(btrim(f.return_message), 200))
    ) as detail
from cron.job j
join run f on f.jobid = j.jobid and f.place = 1
left join last_good g on g.jobid = j.jobid
where j.active
    and j.database = current_database()
