-- For every table: the tables and functions that its policies name, and whether they use an operator or a domain of the
-- user's, behind which are more. Functions may read more: their bodies are searched apart.
select
    p.polrelid::bigint as relation,
    coalesce(array_agg(distinct d.refobjid::bigint) filter (where d.refclassid = 'pg_catalog.pg_class'::regclass), '{}') as tables,
    coalesce(array_agg(distinct d.refobjid::bigint) filter (where d.refclassid = 'pg_catalog.pg_proc'::regclass), '{}') as functions,
    bool_or(
        d.refclassid in ('pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_opfamily'::regclass)
        or exists (
            select
            from pg_catalog.pg_type t
            where d.refclassid = 'pg_catalog.pg_type'::regclass
              and t.oid = d.refobjid
              and t.typtype = 'd'
        )
    ) as others
from pg_catalog.pg_policy p
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
group by p.polrelid
