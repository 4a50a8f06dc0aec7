-- The values that a new session would have: our session has changed some of them for itself.
select
    s.name,
    case
        when s.source = 'session' then s.reset_val || coalesce(' ' || s.unit, '')
        else current_setting(s.name)
    end as value
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
