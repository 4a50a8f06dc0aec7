-- From version 15 on.
select
    'publication schema' as kind,
    format('%I of publication %I', n.nspname, p.pubname) as identity,
    array[quote_ident(n.nspname), quote_ident(p.pubname)] as parts,
    'database' as scope,
    jsonb_build_object('present', true) as definition
from pg_catalog.pg_publication_namespace r
join pg_catalog.pg_publication p on p.oid = r.pnpubid
join pg_catalog.pg_namespace n on n.oid = r.pnnspid
