select
    s.slot_name::text as name,
    s.active,
    pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
        s.restart_lsn
    )::bigint as retained_bytes
from pg_catalog.pg_replication_slots s
order by 1
