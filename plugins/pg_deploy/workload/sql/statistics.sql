-- Where pg_stat_statements is, whether it tells of resets and evictions and counts everybody's calls, the server's time, and when it
-- was started.
select
    pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()))::bigint as at,
    pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as started,
    n.nspname::text as schema,
    exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
            and c.relname = 'pg_stat_statements_info'
    ) as has_info,
    pg_catalog.current_setting('pg_stat_statements.track', true) is not distinct from 'none'
    or pg_catalog.current_setting('compute_query_id', true) is not distinct from 'off'
    or exists (
        select
        from pg_catalog.pg_db_role_setting r
        cross join lateral pg_catalog.unnest(r.setconfig) each
        where each in ('pg_stat_statements.track=none', 'compute_query_id=off')
            and (
                r.setdatabase = 0
                or r.setdatabase = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
            )
    ) as is_partly_off
from (values (1)) always
left join pg_catalog.pg_extension e on e.extname = 'pg_stat_statements'
left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
