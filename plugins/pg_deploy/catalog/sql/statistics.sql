select
    'statistics' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(x.stxname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(x.stxowner),
        'definition', pg_get_statisticsobjdef(x.oid),
        -- -1 before version 17 and null from then on: the server's default
        'target', nullif(x.stxstattarget, -1)
    ) as definition
from pg_catalog.pg_statistic_ext x
join included_schema s on s.oid = x.stxnamespace
where ('pg_catalog.pg_statistic_ext'::regclass, x.oid) not in (select e.classid, e.objid from extension_member e)
