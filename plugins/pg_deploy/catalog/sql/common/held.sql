-- Objects that hold data or that data rests on, with their addresses: tables and their columns, sequences, types, schemas.
select coalesce(json_agg(json_build_array(o.kind, o.identity, o.classid::bigint, o.objid::bigint, o.objsubid)), '[]')::text
from (
    select
        case c.relkind when 'f' then 'foreign table' when 'S' then 'sequence' when 'm' then 'materialized view'
            else 'table' end as kind,
        format('%I.%I', s.nspname, c.relname) as identity,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        0 as objsubid
    from pg_catalog.pg_class c
    join included_schema s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'm', 'S')
    union all
    select
        'column',
        format('%I.%I.%I', s.nspname, c.relname, a.attname),
        'pg_catalog.pg_class'::regclass,
        c.oid,
        a.attnum
    from pg_catalog.pg_class c
    join included_schema s on s.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'p', 'f')
        and a.attnum > 0
        and not a.attisdropped
    union all
    select 'type', format('%I.%I', s.nspname, t.typname), 'pg_catalog.pg_type'::regclass, t.oid, 0
    from pg_catalog.pg_type t
    join included_schema s on s.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typtype in ('e', 'd', 'r', 'b', 'c')
        and (t.typtype <> 'c' or c.relkind = 'c')
        and t.typelem = 0
    union all
    select 'schema', format('%I', s.nspname), 'pg_catalog.pg_namespace'::regclass, s.oid, 0
    from included_schema s
) o
