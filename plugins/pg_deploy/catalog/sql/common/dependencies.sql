-- Which object needs which. What the server keeps for itself (a view's rule, a default, an array type, a foreign key's trigger)
-- counts as the object that it belongs to.
, alias as materialized (
    select 'pg_catalog.pg_rewrite'::regclass as classid, r.oid as objid, 'pg_catalog.pg_class'::regclass as ownclassid,
        r.ev_class as ownid, 0 as ownsubid
    from pg_catalog.pg_rewrite r
    where r.rulename = '_RETURN'
        and r.oid >= 16384
    union all
    select 'pg_catalog.pg_attrdef'::regclass, d.oid, 'pg_catalog.pg_class'::regclass, d.adrelid, d.adnum
    from pg_catalog.pg_attrdef d
    union all
    select 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_class'::regclass, t.typrelid, 0
    from pg_catalog.pg_type t
    join pg_catalog.pg_class c on c.oid = t.typrelid
    where c.relkind <> 'c'
        and t.oid >= 16384
    union all
    select 'pg_catalog.pg_type'::regclass, e.typarray,
        case when c.relkind <> 'c' then 'pg_catalog.pg_class'::regclass else 'pg_catalog.pg_type'::regclass end,
        case when c.relkind <> 'c' then c.oid else e.oid end, 0
    from pg_catalog.pg_type e
    left join pg_catalog.pg_class c on c.oid = e.typrelid
    where e.typarray <> 0
        and e.oid >= 16384
    union all
    select 'pg_catalog.pg_type'::regclass, r.rngmultitypid, 'pg_catalog.pg_type'::regclass, r.rngtypid, 0
    from pg_catalog.pg_range r
    where r.rngtypid >= 16384
    union all
    select 'pg_catalog.pg_class'::regclass, c.oid, 'pg_catalog.pg_type'::regclass, c.reltype, 0
    from pg_catalog.pg_class c
    where c.relkind = 'c'
    union all
    select 'pg_catalog.pg_trigger'::regclass, g.oid, 'pg_catalog.pg_constraint'::regclass, g.tgconstraint, 0
    from pg_catalog.pg_trigger g
    where g.tgisinternal
        and g.tgconstraint <> 0
)
select distinct
    coalesce(a.ownclassid, d.classid)::bigint,
    coalesce(a.ownid, d.objid)::bigint,
    coalesce(nullif(a.ownsubid, 0), d.objsubid)::int,
    coalesce(b.ownclassid, d.refclassid)::bigint,
    coalesce(b.ownid, d.refobjid)::bigint,
    coalesce(nullif(b.ownsubid, 0), d.refobjsubid)::int,
    d.deptype::text
from pg_catalog.pg_depend d
left join alias a on a.classid = d.classid and a.objid = d.objid
left join alias b on b.classid = d.refclassid and b.objid = d.refobjid
where d.objid >= 16384
