select
    x.extname::text as name,
    x.extversion::text as version,
    n.nspname::text as schema,
    exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_namespace'::regclass
            and d.objid = n.oid
            and d.refobjid = x.oid
            and d.deptype = 'e'
    ) as makes_schema,
    pg_catalog.pg_get_userbyid(x.extowner)::text as owner,
    array(
        select s.nspname::text
        from pg_catalog.pg_depend d
        join pg_catalog.pg_namespace s on s.oid = d.objid
        where d.classid = 'pg_catalog.pg_namespace'::regclass
            and d.refclassid = 'pg_catalog.pg_extension'::regclass
            and d.refobjid = x.oid
            and d.deptype = 'e'
        order by 1
    ) as schemas
from pg_catalog.pg_extension x
join pg_catalog.pg_namespace n on n.oid = x.extnamespace
where x.extname <> 'plpgsql'
order by x.oid
