-- How many deadlocks there were since the last run.
with now as (
    select d.deadlocks
    from pg_catalog.pg_stat_database d
    where d.datname = current_database()
), before as (
    select (b.detail ->> 'deadlocks')::bigint as deadlocks
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
)
select
    'the database' as object,
    case when b.deadlocks is not null then n.deadlocks - least(b.deadlocks, n.deadlocks) end as value,
    'deadlocks' as unit,
    jsonb_build_object(
        'deadlocks', n.deadlocks,
        'cause', format('%s since the last look', n.deadlocks - least(b.deadlocks, n.deadlocks))
    ) as detail
from now n
left join before b on true
