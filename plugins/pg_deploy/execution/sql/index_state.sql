-- The state of an index by name: whether it is valid, and who is building it. No row if there is no such index. Without
-- pg_read_all_stats it is not visible which index a session builds, but its locks are.
select
    i.indisvalid and i.indisready and i.indislive as valid,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) as qualified,
    (
        select l.pid
        from pg_catalog.pg_locks as l
        left join pg_catalog.pg_stat_progress_create_index as p on p.pid = l.pid
        where l.locktype = 'relation'
            and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
            and l.mode = 'ShareUpdateExclusiveLock'
            and l.granted
            and (
                l.relation = c.oid
                or (l.relation = i.indrelid and p.pid is not null and coalesce(p.index_relid, 0) in (0, c.oid))
            )
        limit 1
    ) as builder
from pg_catalog.pg_class as c
join pg_catalog.pg_index as i on i.indexrelid = c.oid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.oid = pg_catalog.to_regclass(%(index)s)
