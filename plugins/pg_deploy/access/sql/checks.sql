-- The valid CHECK constraints of tables: the table, the columns that each names, and its condition.
select
    format('%s.%s', n.nspname, c.relname) as name,
    array(
        select a.attname::text
        from pg_catalog.pg_attribute a
        where a.attrelid = k.conrelid
            and a.attnum = any (k.conkey)
    ) as columns,
    pg_get_expr(k.conbin, k.conrelid) as condition
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where k.contype = 'c'
    and k.convalidated
    and not starts_with(n.nspname, 'pg_')
