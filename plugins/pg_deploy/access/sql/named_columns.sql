-- Columns whose type a claim or an argument can hold, and whose table and column are both among these words. Parameter: words, twice.
select
    n.nspname::text as schema,
    c.relname::text as name,
    a.attname::text as column,
    format_type(a.atttypid, null) as type
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p', 'm')
    and c.relispopulated
    and a.attnum > 0
    and not a.attisdropped
    and (t.typname in ('uuid', 'text', 'varchar', 'int2', 'int4', 'int8') or t.typtype = 'e')
    and lower(c.relname) = any (%s)
    and (a.attname = 'id' or lower(a.attname) = any (%s))
    and not starts_with(n.nspname, 'pg_')
    and n.nspname not in ('information_schema', 'access_proof', 'deploy_ledger', 'supabase_migrations')
order by n.nspname, c.relname, a.attnum
