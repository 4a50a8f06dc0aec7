-- The synchronous standbys that a commit of this session would wait for, if none of them is connected; else no row.
select pg_catalog.current_setting('synchronous_standby_names')
where pg_catalog.current_setting('synchronous_standby_names') <> ''
    and pg_catalog.current_setting('synchronous_commit') not in ('off', 'local')
    -- If this role may not see a standby's state, it counts as connected.
    and not exists (
        select
        from pg_catalog.pg_stat_replication as r
        where r.sync_state is null or r.sync_state in ('sync', 'quorum')
    )
