-- Single runs of pg_cron, with whether the session of each is still there, and for whom it waits.
select
    d.runid,
    d.jobid,
    d.job_pid as pid,
    d.status::text as status,
    left(btrim(d.return_message), 300) as message,
    d.start_time as started,
    -- A run that never began has no time of its own, but comes after the start of the run before it.
    coalesce(d.start_time, (
        select e.start_time
        from cron.job_run_details e
        where e.runid < d.runid
            and e.start_time is not null
        order by e.runid desc
        limit 1
    )) as since,
    case when d.start_time is null then (
        select l.start_time
        from cron.job_run_details l
        where l.runid > d.runid
            and l.start_time is not null
        order by l.runid
        limit 1
    ) end as followed,
    d.end_time as ended,
    age(d.xmin) as changed_age,
    a.pid is not null and (a.backend_start is null or d.start_time is null or a.backend_start <= d.start_time + interval '1 second')
        as alive,
    case when a.wait_event_type = 'Lock' then pg_blocking_pids(a.pid) else '{}' end as waits_for
from cron.job_run_details d
left join pg_catalog.pg_stat_activity a on a.pid = d.job_pid and d.status not in ('succeeded', 'failed')
where d.runid = any (%(runs)s)
