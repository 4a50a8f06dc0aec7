-- The largest tables with their indexes and TOAST, in bytes.
with largest as (
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
    pg_total_relation_size(l.oid) as value,
    'bytes' as unit,
    jsonb_build_object('rows', case when l.reltuples >= 0 then l.reltuples::bigint end) as detail
from largest l
order by 2 desc
