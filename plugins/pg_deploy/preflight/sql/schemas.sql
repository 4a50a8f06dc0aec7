select
    n.nspname::text as schema,
    count(*)::int as tables
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and n.nspname not like 'pg\_%'
    and n.nspname <> 'information_schema'
group by n.nspname
order by n.nspname
