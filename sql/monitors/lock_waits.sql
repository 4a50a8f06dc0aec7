-- Sessions that wait for a lock, in seconds, with those that hold it.
-- needs: pg_read_all_stats
select
    format('pid %s', a.pid) as object,
    round(extract(epoch from clock_timestamp() - coalesce(l.waitstart, a.state_change))::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'role', a.usename,
        'application', a.application_name,
        'blocked_by', pg_blocking_pids(a.pid),
        'cause', format(
            'a session of %s%s waits for %s on %s, held by pid %s',
            a.usename,
            coalesce(' (' || nullif(a.application_name, '') || ')', ''),
            l.mode,
            coalesce(l.relation::regclass::text, l.locktype),
            array_to_string(pg_blocking_pids(a.pid), ', ')
        )
    ) as detail
from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity a on a.pid = l.pid
where not l.granted
    and a.datname = current_database()
order by l.waitstart
limit 20
