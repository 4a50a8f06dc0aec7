-- Sessions that hold a transaction open and do nothing in it, in seconds since their last statement ended.
-- needs: pg_read_all_stats
select
    format('pid %s', a.pid) as object,
    round(extract(epoch from clock_timestamp() - a.state_change)::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'role', a.usename,
        'application', a.application_name,
        'cause', format(
            'a session of %s%s sits idle in a transaction since %s UTC: it holds its locks, and vacuum waits for it',
            a.usename,
            coalesce(' (' || nullif(a.application_name, '') || ')', ''),
            to_char(a.state_change at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
        )
    ) as detail
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
    and a.state like 'idle in transaction%'
    and a.pid <> pg_backend_pid()
order by a.state_change
limit 20
