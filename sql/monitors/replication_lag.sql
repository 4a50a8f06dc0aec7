-- How far each standby is behind, in seconds. No standby, no row.
-- needs: pg_read_all_stats
select
    coalesce(nullif(s.application_name, ''), 'pid ' || s.pid) as object,
    round(extract(epoch from coalesce(s.replay_lag, interval '0'))::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'state', s.state,
        'cause', format('the standby is in state %s, %s behind', s.state, coalesce(pg_size_pretty(pg_wal_lsn_diff(
            case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
            s.replay_lsn
        )), 'unknown'))
    ) as detail
from pg_catalog.pg_stat_replication s
where s.state is not null
    and s.state <> 'backup'
