-- Where pg_stat_statements is, what its version can tell, and what this session may see of it.
select
    n.nspname::pg_catalog.text as schema,
    (
        select pg_catalog.array_agg(a.attname::pg_catalog.text)
        from pg_catalog.pg_attribute as a
        where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('%I.pg_stat_statements', n.nspname))
            and a.attnum > 0
            and not a.attisdropped
    ) as columns,
    pg_catalog.to_regclass(pg_catalog.format('%I.pg_stat_statements_info', n.nspname)) is not null as has_info,
    pg_catalog.current_setting('pg_stat_statements.max', true) as most,
    current_user::pg_catalog.text as role,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all,
    pg_catalog.clock_timestamp() as now
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
