-- The open alerts, then those that ended within a week, each with the run of the monitor that saw it first.
select
    a.measure,
    a.object,
    a.cause,
    a.what_to_do,
    a.started_at,
    a.ended_at,
    (
        select s.airflow_run
        from deploy_ledger.sample s
        where s.taken_at <= a.started_at
        order by s.taken_at desc
        limit 1
    ) as airflow_run
from deploy_ledger.alert a
where a.ended_at is null
    or a.ended_at > now() - interval '7 days'
order by (a.ended_at is null) desc, coalesce(a.ended_at, a.started_at) desc
limit %(most)s
