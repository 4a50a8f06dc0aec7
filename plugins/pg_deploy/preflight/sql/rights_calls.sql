select
    n.nspname::text as schema,
    p.proname::text as name,
    bool_or(has_function_privilege(p.oid, 'execute')) as executable
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where (n.nspname, p.proname) in (select * from unnest(%s::text[], %s::text[]))
group by n.nspname, p.proname
