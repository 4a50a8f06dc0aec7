-- Which synchronous standbys a commit of this session would wait for while none of them is connected; null: it waits for none.
select pg_catalog.current_setting('synchronous_standby_names')
where pg_catalog.current_setting('synchronous_standby_names') <> ''
    and pg_catalog.current_setting('synchronous_commit') not in ('off', 'local')
    -- What this role may not see is taken for connected.
    and not exists (
        select
        from pg_catalog.pg_stat_replication as r
        where r.sync_state is null or r.sync_state in ('sync', 'quorum')
    )
