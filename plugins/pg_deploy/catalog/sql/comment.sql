select
    'comment' as kind,
    o.identity,
    o.parts,
    'database' as scope,
    jsonb_build_object('text', d.description) as definition
from pg_catalog.pg_description d
join described_object o on o.classoid = d.classoid and o.objoid = d.objoid and o.objsubid = d.objsubid
where o.schema is null
    or exists (select from included_schema s where o.schema in (s.nspname, quote_ident(s.nspname)))
union all
select
    'comment',
    o.identity,
    o.parts,
    'cluster',
    jsonb_build_object('text', d.description)
from pg_catalog.pg_shdescription d
join described_object o on o.classoid = d.classoid and o.objoid = d.objoid
where d.classoid <> 'pg_catalog.pg_database'::regclass
    or d.objoid = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
