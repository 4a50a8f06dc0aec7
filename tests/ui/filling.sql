-- A busy target's ledger: 500 deployments, one of them with 200 checks, and a month of samples every 15 minutes.
insert into deploy_ledger.deployment
    (dag_id, airflow_run, host, actor, conf, folder, folder_versions, good_until, phase, state, started_at, ended_at)
select
    'deploy_migrations',
    'filled_' || n,
    'a host',
    'somebody',
    '{"target": "large"}',
    'a folder',
    '{}',
    now(),
    'report',
    case when n % 9 = 0 then 'rolled_back' when n % 31 = 0 then 'failed' else 'deployed' end,
    now() - (501 - n) * interval '90 min',
    now() - (501 - n) * interval '90 min' + interval '40 s'
from generate_series(1, 500) n;

insert into deploy_ledger.planned_migration
    (deployment_id, position, version, stem, name, title, sql_hash, bundle_hash, sql, rollback, rollback_source, risk, access, manifest)
select
    d.id,
    1,
    (20240000000000 + d.id)::text,
    (20240000000000 + d.id)::text || '_change_' || d.id,
    'change_' || d.id,
    'Change number ' || d.id,
    md5(d.id::text),
    md5('b' || d.id::text),
    'select 1;',
    'select 1;',
    'written',
    'low',
    'unchanged',
    '{}'
from deploy_ledger.deployment d
where d.airflow_run like 'filled_%';

insert into deploy_ledger.attempt
    (deployment_id, version, stem, sql_hash, state, started_at, applied_at, verified_at, ended_at)
select d.id, p.version, p.stem, p.sql_hash, case d.state when 'deployed' then 'verified' else 'rolled_back' end,
    d.started_at, d.started_at, d.started_at, d.ended_at
from deploy_ledger.deployment d
join deploy_ledger.planned_migration p on p.deployment_id = d.id
where d.airflow_run like 'filled_%';

insert into deploy_ledger.evidence (deployment_id, attempt_id, version, location, kind, name, outcome, detail)
select a.deployment_id, a.id, a.version, 'target', 'check', 'the_check_number_' || n || '_holds',
    case when n % 50 = 0 then 'failed' else 'passed' end,
    case when n % 50 = 0
        then jsonb_build_object('found', 20, 'columns', '["problem", "row"]'::jsonb, 'rows', (
            select jsonb_agg(jsonb_build_array(repeat('a finding that is long ', 8), i)) from generate_series(1, 20) i
        ))
        else '{"found": 0, "columns": ["problem"], "rows": [], "seconds": 0.01}'
    end
from deploy_ledger.attempt a, generate_series(1, 200) n
where a.deployment_id = (select id from deploy_ledger.deployment where airflow_run = 'filled_500');

insert into deploy_ledger.sample (taken_at, airflow_run, server_start)
select t, 'monitor_' || extract(epoch from t)::bigint, now() - interval '60 days'
from generate_series(now() - interval '31 days', now(), interval '15 min') t;

insert into deploy_ledger.measurement (sample_id, measure, rows)
select s.id, m.measure, m.rows
from deploy_ledger.sample s
cross join lateral (values
    ('connections', jsonb_build_array(jsonb_build_object('object', 'the server', 'value', 20 + (s.id % 50), 'unit', '%', 'detail', '{}'::jsonb))),
    ('cache_hit_ratio', jsonb_build_array(jsonb_build_object('object', 'the database', 'value', 99 - (s.id % 7) / 10.0, 'unit', '%', 'detail', '{}'::jsonb))),
    ('api_latency', (
        select jsonb_agg(jsonb_build_object('object', 'endpoint ' || i, 'value', 40 * i + (s.id % 30), 'unit', 'ms', 'detail', '{}'::jsonb))
        from generate_series(1, 3) i
    )),
    ('view_freshness', (
        select jsonb_agg(jsonb_build_object('object', 'public.view_' || i, 'value', (s.id % 4) * 900, 'unit', 's',
            'detail', '{"limit_s": 5400, "bytes": 81920, "job": "refresh", "schedule": "0 * * * *"}'::jsonb))
        from generate_series(1, 12) i
    )),
    ('deployed', (
        select jsonb_agg(jsonb_build_object('object', 'public.index_' || i, 'value', s.id * i, 'unit', 'scans', 'detail', '{"kind": "index"}'::jsonb))
        from generate_series(1, 3) i
    )),
    ('top_queries', (
        select jsonb_agg(jsonb_build_object('object', 'query ' || i, 'value', 12.5 * i, 'unit', 'ms', 'detail', jsonb_build_object(
            'list', case when i > 5 then 'mean' else 'total' end, 'calls', 10, 'total_ms', 1000 * i, 'text', repeat('select x ', 30))))
        from generate_series(1, 10) i
    ))
) m (measure, rows);

analyze;
