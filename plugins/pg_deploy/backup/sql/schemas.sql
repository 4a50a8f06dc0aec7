-- All schemas that are not the server's own, each with whether an extension made it (owned_by_extension) and whether a copy
-- always needs it (always): an extension lives in it, or the search_path holds it.
select
    n.nspname::text as name,
    exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_namespace'::regclass
            and d.objid = n.oid
            and d.deptype = 'e'
    ) as owned_by_extension,
    exists (select from pg_catalog.pg_extension x where x.extnamespace = n.oid)
        or n.nspname = any (coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::name[]) as always
from pg_catalog.pg_namespace n
where not pg_catalog.starts_with(n.nspname::text, 'pg_')
    and n.nspname <> 'information_schema'
order by 1
