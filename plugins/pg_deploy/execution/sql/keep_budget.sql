do $watch$
declare
    work record;
    since timestamptz;
    looks int;
    waited int;
    seen boolean := false;
begin
    -- A role may have silenced them, and our session has to learn that it was this loop that ended the work.
    set client_min_messages = 'notice';
    loop
        select a.xact_start, a.state, a.wait_event, a.wait_event_type into work
        from pg_catalog.pg_stat_get_activity({pid}) as a
        where a.backend_start = {started}::pg_catalog.timestamptz;
        exit when not found or (seen and work.xact_start is null);
        seen := seen or work.xact_start is not null;
        if not exists (
            select
            from pg_catalog.pg_locks as l
            join pg_catalog.pg_class as c on c.oid = l.relation
            where l.pid = {pid}
                and l.locktype = 'relation'
                and l.database = (
                    select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()
                )
                and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        ) then
            since := null;
        elsif since is null then
            since := pg_catalog.clock_timestamp();
            looks := 0;
            waited := 0;
        elsif pg_catalog.clock_timestamp() > since + pg_catalog.make_interval(secs => {limit} + 0.35)
            -- A commit that waits for its standby has already happened on this server.
            and work.wait_event is distinct from 'SyncRep' then
            -- It did not react to the cancel below, or its client fell silent between two statements.
            if work.state = 'active' then
                raise notice using errcode = {ends_it}, message = (waited::pg_catalog.float8 / greatest(looks, 1))::pg_catalog.text;
            end if;
            perform pg_catalog.pg_terminate_backend({pid});
        elsif pg_catalog.clock_timestamp() > since + pg_catalog.make_interval(secs => {limit} + 0.15) and work.state = 'active' then
            raise notice using errcode = {ends_it}, message = (waited::pg_catalog.float8 / greatest(looks, 1))::pg_catalog.text;
            perform pg_catalog.pg_cancel_backend({pid});
        end if;
        looks := looks + 1;
        waited := waited + (work.wait_event_type is not distinct from 'Lock')::pg_catalog.int4;
        -- A snapshot that is held all the time would hold back vacuum.
        commit;
        perform pg_catalog.pg_sleep(0.1);
    end loop;
end
$watch$
