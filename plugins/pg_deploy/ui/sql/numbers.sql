-- What the monitor's newest look knows, and the newest deployments, for a team's own dashboards.
select
    extract(epoch from s.taken_at)::float8 as taken_at,
    (
        select coalesce(jsonb_object_agg(m.measure, jsonb_build_object('rows', m.rows, 'failed', m.failed)), '{}')
        from deploy_ledger.measurement m
        where m.sample_id = s.id
            and m.measure <> all (array[
                'statement_counters', 'statements_memory', 'statement_calls', 'predictions_memory', 'identity', 'untold_report'
            ])
    ) as measures,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'measure', a.measure, 'object', a.object, 'since', extract(epoch from a.started_at)
        )), '[]')
        from deploy_ledger.alert a
        where a.ended_at is null
    ) as alerts,
    (
        select coalesce(jsonb_agg(d), '[]')
        from (
            select d.id, d.dag_id, d.state, extract(epoch from d.ended_at) as ended_at
            from deploy_ledger.deployment d
            where d.ended_at is not null
            order by d.id desc
            limit 20
        ) d
    ) as deployments
from deploy_ledger.sample s
where s.judged_at is not null
order by s.taken_at desc
limit 1
