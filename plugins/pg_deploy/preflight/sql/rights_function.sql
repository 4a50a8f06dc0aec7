select
    pg_get_userbyid(p.proowner)::text as owner,
    pg_has_role(p.proowner, 'usage') as owned,
    pg_has_role(n.nspowner, 'usage') as schema_owned
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid = %s::oid
