-- The tables whose rows a dump holds. Members of extensions are left out: the extension makes them. Materialized views are
-- left out: the restore fills them anew, and they may have been stale.
select
    n.nspname::text as schema,
    c.relname::text as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
    and c.relkind = 'r'
    and c.relpersistence = 'p'
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass
            and d.objid = c.oid
            and d.deptype = 'e'
    )
order by pg_catalog.pg_relation_size(c.oid) desc
