-- How many deadlocks there were since the last run. After a reset of the statistics the server counts from 0 again.
with now as (
    select d.deadlocks
    from pg_catalog.pg_stat_database d
    where d.datname = current_database()
), before as (
    select (b.detail ->> 'deadlocks')::bigint as deadlocks
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
), since as (
    select
        n.deadlocks,
        b.deadlocks is not null as known,
        n.deadlocks - case when b.deadlocks <= n.deadlocks then b.deadlocks else 0 end as happened
    from now n
    left join before b on true
)
select
    'the database' as object,
    case when s.known then s.happened end as value,
    'deadlocks' as unit,
    jsonb_build_object(
        'deadlocks', s.deadlocks,
        'cause', format('%s since the last look', s.happened)
    ) as detail
from since s
