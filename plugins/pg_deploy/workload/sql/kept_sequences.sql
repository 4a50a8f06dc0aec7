-- Columns whose default takes a number from a sequence that a role may not use: the server says so first when the row is written.
select
    r.rolname::pg_catalog.text,
    n.nspname::pg_catalog.text,
    c.relname::pg_catalog.text,
    a.attname::pg_catalog.text,
    pg_catalog.format('%%I.%%I', o.nspname, s.relname)
from pg_catalog.pg_depend as d
join pg_catalog.pg_attrdef as f on f.oid = d.objid
join pg_catalog.pg_attribute as a on a.attrelid = f.adrelid and a.attnum = f.adnum
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as s on s.oid = d.refobjid
join pg_catalog.pg_namespace as o on o.oid = s.relnamespace
join pg_catalog.pg_roles as r on r.rolname = any (%s)
where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and s.relkind = 'S'
    and not pg_catalog.has_sequence_privilege(r.oid, s.oid, 'usage, update')
