select
    'schema' as kind,
    null as identity,
    array[quote_ident(s.nspname)] as parts,
    'database' as scope,
    jsonb_build_object('owner', pg_get_userbyid(s.nspowner)) as definition
from included_schema s
where not exists (
    select
    from extension_member e
    where e.classid = 'pg_catalog.pg_namespace'::regclass
      and e.objid = s.oid
)
