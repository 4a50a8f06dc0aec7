select
    'schema' as kind,
    null as identity,
    array[quote_ident(s.nspname)] as parts,
    'database' as scope,
    jsonb_build_object('owner', pg_get_userbyid(s.nspowner)) as definition
from included_schema s
where ('pg_catalog.pg_namespace'::regclass, s.oid) not in (select e.classid, e.objid from extension_member e)
