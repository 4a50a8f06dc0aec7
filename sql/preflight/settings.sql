select
    s.name,
    current_setting(s.name) as value
from pg_catalog.pg_settings s
where s.name in (
    'cron.database_name',
    'data_checksums',
    'default_transaction_read_only',
    'idle_in_transaction_session_timeout',
    'lock_timeout',
    'maintenance_work_mem',
    'max_wal_size',
    'statement_timeout',
    'synchronous_standby_names',
    'transaction_timeout',
    'wal_level'
)
order by s.name
