-- Objects that the server came with have none of ours, but for the schema public. Named by pg_identify_object, because
-- pg_describe_object speaks the server's language.
select
    'security label' as kind,
    o.type || ' ' || o.identity || ' for ' || d.provider as identity,
    'database' as scope,
    jsonb_build_object('label', d.label) as definition
from pg_catalog.pg_seclabel d
cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
cross join lateral pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) a
cross join lateral (
    select case when o.type in ('schema', 'trigger', 'policy', 'rule', 'table constraint')
        then a.object_names[1] else o.schema end as name
) named
where (d.objoid >= 16384 or d.classoid = 'pg_catalog.pg_namespace'::regclass)
  and d.classoid <> 'pg_catalog.pg_largeobject'::regclass
  and (
    named.name is null
    or exists (select from included_schema s where named.name in (s.nspname, quote_ident(s.nspname)))
)
  and not exists (
    select
    from extension_member e
    where e.classid = d.classoid
      and e.objid = d.objoid
)
union all
select
    'security label',
    case when d.classoid = 'pg_catalog.pg_database'::regclass then 'this database'
        else o.type || ' ' || o.identity end || ' for ' || d.provider,
    'cluster',
    jsonb_build_object('label', d.label)
from pg_catalog.pg_shseclabel d
cross join lateral pg_identify_object(d.classoid, d.objoid, 0) o
where d.objoid >= 16384
  and (
    d.classoid <> 'pg_catalog.pg_database'::regclass
    or d.objoid = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
)
