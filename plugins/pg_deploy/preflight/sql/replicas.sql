select
    coalesce(nullif(s.application_name, ''), 'pid ' || s.pid) as name,
    coalesce(s.state, '') as state,
    pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
        s.replay_lsn
    )::bigint as lag_bytes,
    extract(epoch from s.replay_lag)::float8 as lag_seconds
from pg_catalog.pg_stat_replication s
order by 1
