-- Transactions at work, in seconds since they began; those that sit idle are another measure.
-- needs: pg_read_all_stats
select
    format('pid %s', a.pid) as object,
    round(extract(epoch from clock_timestamp() - a.xact_start)::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'role', a.usename,
        'application', a.application_name,
        'cause', format(
            'a transaction of %s%s runs since %s UTC',
            a.usename,
            coalesce(' (' || nullif(a.application_name, '') || ')', ''),
            to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
        )
    ) as detail
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
    and a.xact_start is not null
    and a.state not like 'idle in transaction%'
    and coalesce(a.backend_type, 'client backend') = 'client backend'
    and a.pid <> pg_backend_pid()
order by a.xact_start
limit 20
