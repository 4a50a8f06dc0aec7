-- Pairs of schemas: an object of the first depends on an object of the second. Members of extensions are left out, because
-- an extension is made as a whole.
with member as (
    select
        d.classid,
        d.objid
    from pg_catalog.pg_depend d
    where d.deptype = 'e'
),
edge as (
    select distinct
        d.classid,
        d.objid,
        d.refclassid,
        d.refobjid
    from pg_catalog.pg_depend d
    where d.deptype <> 'e'
        and d.refobjid >= 16384
        and d.objid >= 16384
        and not exists (select from member m where m.classid = d.classid and m.objid = d.objid)
        and not exists (select from member m where m.classid = d.refclassid and m.objid = d.refobjid)
)
select distinct
    dependent.object_names[1] as dependent,
    referenced.object_names[1] as referenced
from edge e
cross join lateral pg_catalog.pg_identify_object_as_address(e.classid, e.objid, 0) dependent
cross join lateral pg_catalog.pg_identify_object_as_address(e.refclassid, e.refobjid, 0) referenced
where dependent.object_names[1] <> referenced.object_names[1]
    and exists (select from pg_catalog.pg_namespace n where n.nspname = dependent.object_names[1])
    and exists (select from pg_catalog.pg_namespace n where n.nspname = referenced.object_names[1])
