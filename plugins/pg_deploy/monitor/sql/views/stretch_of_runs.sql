-- What a stretch of cron.job_run_details, by run id, says about each of these jobs: the ids of its last runs and of those without an
-- end, and how many failed since the last that succeeded.
with run as (
    select d.jobid, d.runid, d.status, d.start_time is not null as began
    from cron.job_run_details d
    where d.runid > %(after)s
        and d.runid <= %(upto)s
        and d.jobid = any (%(jobs)s)
), last as (
    select
        r.jobid,
        max(r.runid) filter (where r.began) as started,
        max(r.runid) filter (where r.status in ('succeeded', 'failed')) as finished,
        max(r.runid) filter (where r.status = 'succeeded') as good,
        (array_agg(r.runid order by r.runid desc) filter (where r.status not in ('succeeded', 'failed')))[:5] as open
    from run r
    group by r.jobid
)
select l.jobid, l.started, l.finished, l.good, coalesce(l.open, '{}') as open, count(f.runid)::integer as failed
from last l
left join run f on f.jobid = l.jobid and f.status = 'failed' and f.runid > coalesce(l.good, 0)
group by l.jobid, l.started, l.finished, l.good, l.open
