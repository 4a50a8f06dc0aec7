select
    'extension' as kind,
    null as identity,
    array[quote_ident(x.extname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'version', x.extversion,
        'schema', n.nspname,
        'owner', pg_get_userbyid(x.extowner)
    ) as definition
from pg_catalog.pg_extension x
join pg_catalog.pg_namespace n on n.oid = x.extnamespace
