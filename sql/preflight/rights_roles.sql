select
    r.rolname::text as name,
    pg_has_role(r.oid, 'member') as member
from pg_catalog.pg_roles r
where r.rolname = any (%s::text[])
