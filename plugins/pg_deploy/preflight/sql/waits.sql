select
    l.pid,
    l.mode,
    coalesce(n.nspname || '.' || c.relname, l.locktype) as object,
    coalesce(extract(epoch from clock_timestamp() - l.waitstart), 0)::float8 as waited_seconds,
    pg_blocking_pids(l.pid) as blocked_by
from pg_catalog.pg_locks l
left join pg_catalog.pg_class c on c.oid = l.relation
left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not l.granted
    and l.pid is not null
    and (l.database is null or l.database in (0, (select d.oid from pg_catalog.pg_database d where d.datname = current_database())))
order by l.waitstart
