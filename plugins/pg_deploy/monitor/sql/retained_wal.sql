-- How much write-ahead log the server keeps for replication slots that nobody reads, in bytes. In the end it fills the disk.
select
    s.slot_name::text as object,
    k.bytes as value,
    'bytes' as unit,
    jsonb_build_object(
        'cause', format('nobody reads from the replication slot, so the server keeps %s of write-ahead log', pg_size_pretty(k.bytes))
    ) as detail
from pg_catalog.pg_replication_slots s
cross join lateral (
    select pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
        s.restart_lsn
    )::bigint as bytes
) k
where not s.active
    and s.restart_lsn is not null
order by 1
