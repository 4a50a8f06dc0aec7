-- Whether a role reads a column of every row without the view that shows it. Parameters: relation, column, role.
select
    has_column_privilege(r.oid, c.oid, a.attnum, 'select')
    and has_schema_privilege(r.oid, c.relnamespace, 'usage')
    and (not c.relrowsecurity or r.rolsuper or r.rolbypassrls)
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid
cross join pg_catalog.pg_roles r
where c.oid = to_regclass(%(relation)s)
    and c.relkind in ('r', 'p')
    and a.attname = %(column)s
    and not a.attisdropped
    and r.rolname = %(role)s
