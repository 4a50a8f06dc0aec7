-- The figures of the stop rules: how many seconds the slowest visible replica is behind, free connections, WAL written so far.
select
    (
        select pg_catalog.max(pg_catalog.date_part('epoch', r.replay_lag))
        from pg_catalog.pg_stat_replication as r
        where r.state = 'streaming'
    )::float8,
    (
        pg_catalog.current_setting('max_connections')::integer
        - pg_catalog.current_setting('superuser_reserved_connections')::integer
        - (select pg_catalog.count(*) from pg_catalog.pg_stat_activity as a where a.backend_type = 'client backend')
    )::integer,
    case when pg_catalog.pg_is_in_recovery() then 0
        else pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')
    end
