-- Tables, views and materialized views that a role of the API reaches: a right on the relation or one of its columns,
-- and usage of its schema. Parameters: roles, ignored schemas.
select
    c.oid::bigint as id,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relrowsecurity as secured,
    c.relforcerowsecurity as forced,
    pg_get_userbyid(c.relowner)::text as owner,
    primary_key.names as key,
    primary_key.types as key_types,
    (
        select jsonb_object_agg(
            r.rolname,
            jsonb_build_object(
                'select', has_any_column_privilege(r.oid, c.oid, 'select'),
                'insert', has_any_column_privilege(r.oid, c.oid, 'insert'),
                'update', has_any_column_privilege(r.oid, c.oid, 'update'),
                'delete', has_table_privilege(r.oid, c.oid, 'delete'),
                'schema', has_schema_privilege(r.oid, n.oid, 'usage'),
                'free', r.rolsuper or r.rolbypassrls,
                'owns', pg_has_role(r.oid, c.relowner, 'usage')
            )
        )
        from pg_catalog.pg_roles r
        where r.rolname = any (%(roles)s)
    ) as rights,
    c.relpersistence = 'p' and c.relkind = 'r' and not c.relispartition and not c.relhassubclass as plain
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
    select
        coalesce(array_agg(a.attname::text order by k.place), '{}') as names,
        coalesce(array_agg(format_type(a.atttypid, a.atttypmod) order by k.place), '{}') as types
    from pg_catalog.pg_index i
    cross join lateral unnest(i.indkey::smallint[]) with ordinality k (number, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
    where i.indrelid = c.oid
        and i.indisprimary
) primary_key
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (%(ignored)s)
    and (%(everything)s or exists (
        select
        from pg_catalog.pg_roles r
        where r.rolname = any (%(roles)s)
            and has_schema_privilege(r.oid, n.oid, 'usage')
            and (
                has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
                or has_table_privilege(r.oid, c.oid, 'delete')
            )
    ))
order by n.nspname, c.relname
