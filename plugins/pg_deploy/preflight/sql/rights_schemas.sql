select
    n.nspname::text as name,
    pg_get_userbyid(n.nspowner)::text as owner,
    pg_has_role(n.nspowner, 'usage') as owned,
    has_schema_privilege(n.oid, 'usage') as usable,
    has_schema_privilege(n.oid, 'create') as extensible
from pg_catalog.pg_namespace n
where n.nspname = any (%s::text[])
