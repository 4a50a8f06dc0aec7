-- Settings that change how SQL behaves or is planned, if this server's value is not PostgreSQL's default.
select
    s.name::text as name,
    s.setting || case when s.unit ~ '^[0-9]' then '' else coalesce(s.unit, '') end as value
from pg_catalog.pg_settings s
where s.name in (
        'timezone', 'datestyle', 'intervalstyle', 'default_text_search_config', 'work_mem', 'random_page_cost', 'seq_page_cost',
        'cpu_tuple_cost', 'cpu_index_tuple_cost', 'cpu_operator_cost', 'effective_io_concurrency',
        'default_statistics_target', 'max_locks_per_transaction', 'max_prepared_transactions', 'standard_conforming_strings',
        'default_toast_compression', 'max_stack_depth', 'vacuum_cost_limit', 'plan_cache_mode', 'xmloption', 'bytea_output'
    )
    and s.source in ('configuration file', 'command line', 'environment variable', 'override')
    and s.setting is distinct from s.boot_val
    and (s.unit is null or s.unit !~ '^[0-9]')
order by 1
