-- The bodies of functions: they may name schemas, and the server does not record that as a dependency.
select
    n.nspname::text as schema,
    p.prosrc as text
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where not pg_catalog.starts_with(n.nspname::text, 'pg_')
    and n.nspname <> 'information_schema'
    and p.prosrc is not null
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass
            and d.objid = p.oid
            and d.deptype = 'e'
    )
