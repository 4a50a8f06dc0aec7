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
    -- Somebody else may be building an index right now.
    and not exists (
        select from pg_catalog.pg_stat_progress_create_index as p where p.index_relid = i.indexrelid
    )
