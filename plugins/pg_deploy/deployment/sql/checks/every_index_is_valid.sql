-- A failed CREATE INDEX CONCURRENTLY leaves an index that slows writes, serves no query, and shows in pg_indexes.
select
    pg_catalog.format('%I.%I', n.nspname, c.relname) as invalid_index,
    pg_catalog.pg_get_indexdef(i.indexrelid) as definition
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready and i.indislive)
    and n.nspname not like 'pg\_%'
    -- The parent of an index that is not attached in every partition is invalid by design until it is complete.
    and c.relkind = 'i'
    -- Somebody else may be at work on it right now. A REINDEX or DROP CONCURRENTLY locks the index itself all the time, which a
    -- VACUUM does not. A CREATE locks only the table. Every role may see these locks, and who builds; which index is built, it may not.
    and not exists (
        select
        from pg_catalog.pg_locks as l
        where l.locktype = 'relation'
            and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
            and l.mode = 'ShareUpdateExclusiveLock'
            and l.granted
            and l.pid <> pg_catalog.pg_backend_pid()
            and (
                l.relation = i.indexrelid
                or (
                    l.relation = i.indrelid
                    and l.pid in (select p.pid from pg_catalog.pg_stat_progress_create_index as p)
                )
            )
    )
order by 1
