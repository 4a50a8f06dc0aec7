select e.view_name, 'the materialized view does not exist or was never filled' as problem
from (values ('chat_telemetry_domain_summary'), ('chat_telemetry_model_summary')) as e (view_name)
where not exists (
    select from pg_catalog.pg_matviews v
    where v.schemaname = 'public' and v.matviewname = e.view_name and v.ispopulated
)
union all
select e.view_name, 'the materialized view lacks the column materialized_at'
from (values ('chat_telemetry_domain_summary'), ('chat_telemetry_model_summary')) as e (view_name)
where not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = pg_catalog.to_regclass('public.' || e.view_name)
        and a.attname = 'materialized_at'
        and a.atttypid = 'timestamptz'::regtype
);
