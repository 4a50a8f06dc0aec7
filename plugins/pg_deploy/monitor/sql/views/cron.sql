-- The version and the settings of pg_cron, as far as this role may see them, and whether its launcher runs.
select
    (
        select e.extversion
        from pg_catalog.pg_extension e
        where e.extname = 'pg_cron'
    ) as version,
    coalesce((
        select jsonb_object_agg(s.name, s.setting)
        from pg_catalog.pg_settings s
        where s.name like 'cron.%'
    ), '{}') as settings,
    pg_has_role('pg_read_all_settings', 'usage') as sees_settings,
    case when pg_has_role('pg_read_all_stats', 'usage') then exists (
        select
        from pg_catalog.pg_stat_activity a
        where a.backend_type like 'pg_cron%' or a.application_name like 'pg_cron%'
    ) end as launched,
    pg_postmaster_start_time() as server_start,
    clock_timestamp() as now
