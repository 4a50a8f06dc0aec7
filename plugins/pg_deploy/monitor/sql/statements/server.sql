-- Where pg_stat_statements is, and what its version can tell.
select
    n.nspname::text as schema,
    (
        select array_agg(a.attname::text)
        from pg_catalog.pg_class c
        join pg_catalog.pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = n.oid
            and c.relname = 'pg_stat_statements'
            and a.attnum > 0
            and not a.attisdropped
    ) as columns,
    exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
            and c.relname = 'pg_stat_statements_info'
    ) as has_info,
    current_setting('pg_stat_statements.max', true)::integer as most
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
