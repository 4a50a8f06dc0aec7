-- For every table: the tables and functions that its policies name. Functions may read more: their bodies are searched apart.
select
    p.polrelid::bigint as relation,
    coalesce(array_agg(distinct d.refobjid::bigint) filter (where d.refclassid = 'pg_catalog.pg_class'::regclass), '{}') as tables,
    coalesce(array_agg(distinct d.refobjid::bigint) filter (where d.refclassid = 'pg_catalog.pg_proc'::regclass), '{}') as functions
from pg_catalog.pg_policy p
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
group by p.polrelid
