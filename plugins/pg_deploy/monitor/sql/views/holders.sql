-- The three oldest sessions whose lock on a relation keeps others waiting, with all readers too if asked for: how old the transaction of
-- each is, and whether it sits idle.
select
    l.pid,
    -- The strongest of the locks that the session holds.
    (array_agg(l.mode order by l.mode = 'AccessExclusiveLock' desc, l.mode = 'ExclusiveLock' desc, l.mode desc))[1] as mode,
    coalesce(a.usename::text, 'unknown') as role,
    coalesce(a.application_name, '') as application,
    coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as age_s,
    coalesce(a.state, '') like 'idle in transaction%%' as idle
from pg_catalog.pg_locks l
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.relation = %(oid)s::bigint::oid
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
    and l.granted
    and l.pid <> pg_backend_pid()
    and (l.mode <> 'AccessShareLock' or %(readers)s)
group by l.pid, a.usename, a.application_name, a.xact_start, a.state
order by a.xact_start
limit 3
