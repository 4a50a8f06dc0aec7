-- Tables into which a role may insert nothing.
select r.rolname::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_roles as r on r.rolname = any (%s)
where c.relkind in ('r', 'p', 'v', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema')
    and (
        not pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage')
        or not (
            pg_catalog.has_table_privilege(r.oid, c.oid, 'insert') or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'insert')
        )
    )
