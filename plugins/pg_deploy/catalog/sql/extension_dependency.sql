-- ALTER … DEPENDS ON EXTENSION: dropped with it.
select
    'dependency on extension' as kind,
    case
        when d.classid = 'pg_catalog.pg_trigger'::regclass then 'trigger ' || (
            select format('%I.%I.%I', n.nspname, c.relname, g.tgname)
            from pg_catalog.pg_trigger g
            join pg_catalog.pg_class c on c.oid = g.tgrelid
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where g.oid = d.objid
        )
        when d.classid = 'pg_catalog.pg_proc'::regclass then (
            select case p.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end
            from pg_catalog.pg_proc p
            where p.oid = d.objid
        ) || d.objid::regprocedure::text
        else (
            select case c.relkind when 'm' then 'materialized view ' else 'index ' end
            from pg_catalog.pg_class c
            where c.oid = d.objid
        ) || d.objid::regclass::text
    end || ' on extension ' || format('%I', x.extname) as identity,
    'database' as scope,
    jsonb_build_object('present', true) as definition
from pg_catalog.pg_depend d
join pg_catalog.pg_extension x on x.oid = d.refobjid
where d.refclassid = 'pg_catalog.pg_extension'::regclass
  and d.deptype = 'x'
  and d.objsubid = 0
