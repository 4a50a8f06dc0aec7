-- Tables and sequences that a dump of these schemas must read, but that this role may not read.
select format('%%I.%%I', n.nspname, c.relname)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
    and c.relkind in ('r', 'p', 'm', 'S')
    and not (
        pg_catalog.has_schema_privilege(n.oid, 'usage')
        and case c.relkind
            when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'select')
            else pg_catalog.has_table_privilege(c.oid, 'select')
        end
    )
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass
            and d.objid = c.oid
            and d.deptype = 'e'
    )
order by 1
