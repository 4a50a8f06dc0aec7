-- The kind of a relation, and the conditions of its policies if they hold back the owner of a body that reads it.
-- Parameters: schema, name, owner.
select
    c.relkind::text as kind,
    (
        select coalesce(array_agg(pg_get_expr(p.polqual, p.polrelid)), '{}')
        from pg_catalog.pg_policy p
        where p.polrelid = c.oid
            and p.polqual is not null
            and c.relrowsecurity
            and not (r.rolsuper or r.rolbypassrls)
            and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage'))
    ) as clauses
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join pg_catalog.pg_roles r
where n.nspname = %(schema)s
    and c.relname = %(name)s
    and r.rolname = %(owner)s
