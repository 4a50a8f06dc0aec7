-- What the newest sample holds about some measures, and which run took it.
select
    s.taken_at,
    s.airflow_run,
    (
        select jsonb_object_agg(m.measure, jsonb_build_object('rows', m.rows, 'problem', m.problem))
        from deploy_ledger.measurement m
        where m.sample_id = s.id
            and m.measure = any (%(measures)s)
    ) as measures
from deploy_ledger.sample s
order by s.taken_at desc
limit 1
