-- Columns whose name says that they hold a secret, and whose type can hold one. Generated columns are left out: they follow
-- the columns that they are computed from.
select
    n.nspname::text,
    c.relname::text,
    a.attname::text,
    case
        when t.typcategory = 'S' then 'text'
        when t.typcategory = 'A' then 'array'
        when base.typname = 'bytea' then 'bytea'
        when base.typname = 'uuid' then 'uuid'
        else 'json'
    end,
    case when base.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4 end,
    c.relkind::text
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type base on base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
where c.relkind in ('r', 'm')
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
    and lower(a.attname) like any (%(patterns)s::text[])
    and (t.typcategory in ('S', 'A') or base.typname in ('bytea', 'uuid', 'json', 'jsonb'))
    and not pg_catalog.starts_with(n.nspname::text, 'pg_')
    and n.nspname not in ('information_schema', 'deploy_ledger', 'supabase_migrations')
order by 1, 2, 3
