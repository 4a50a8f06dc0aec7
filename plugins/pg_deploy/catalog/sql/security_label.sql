select
    'security label' as kind,
    o.identity || ' for ' || d.provider as identity,
    o.parts || d.provider as parts,
    'database' as scope,
    jsonb_build_object('label', d.label) as definition
from pg_catalog.pg_seclabel d
join described_object o on o.classoid = d.classoid and o.objoid = d.objoid and o.objsubid = d.objsubid
where o.schema is null
    or exists (select from included_schema s where o.schema in (s.nspname, quote_ident(s.nspname)))
union all
select
    'security label',
    o.identity || ' for ' || d.provider,
    o.parts || d.provider,
    'cluster',
    jsonb_build_object('label', d.label)
from pg_catalog.pg_shseclabel d
join described_object o on o.classoid = d.classoid and o.objoid = d.objoid
where d.classoid <> 'pg_catalog.pg_database'::regclass
    or d.objoid = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
