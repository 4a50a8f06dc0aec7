-- The size of the largest tables with their indexes and TOAST, in bytes.
with locked as materialized (
    -- Asking for a size takes a lock, so a table that is locked exclusively, or is about to be, is not asked.
    select coalesce(i.indrelid, l.relation) as relation
    from pg_catalog.pg_locks l
    left join pg_catalog.pg_index i on i.indexrelid = l.relation
    where l.mode = 'AccessExclusiveLock'
        and l.locktype = 'relation'
), largest as (
    select c.oid, n.nspname, c.relname, c.reltuples
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
        and n.nspname not like 'pg\_%'
        and n.nspname <> 'information_schema'
    order by c.relpages desc
    limit 10
)
select
    format('%I.%I', l.nspname, l.relname) as object,
    case when l.oid not in (select k.relation from locked k) then pg_total_relation_size(l.oid) end as value,
    'bytes' as unit,
    jsonb_build_object('rows', case when l.reltuples >= 0 then l.reltuples::bigint end) as detail
from largest l
order by 2 desc nulls last
