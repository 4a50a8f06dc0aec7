-- The sessions of one deployment that run a statement now: for how long, how far an index build has come, and for whom they wait.
select
    a.pid,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.query_start) as seconds,
    p.phase,
    case
        when p.blocks_total > 0 and p.blocks_done < p.blocks_total then 100.0 * p.blocks_done / p.blocks_total
        when p.tuples_total > 0 then 100.0 * p.tuples_done / p.tuples_total
        when p.lockers_total > 0 then 100.0 * p.lockers_done / p.lockers_total
        when p.blocks_total > 0 then 100.0 * p.blocks_done / p.blocks_total
    end::double precision as percent,
    array(
        select pg_catalog.format(
            'pid %%s (%%s, %%s, in its transaction for %%s s)',
            b.pid,
            coalesce(w.usename, 'unknown role'),
            coalesce(nullif(w.application_name, ''), 'unnamed application'),
            coalesce(pg_catalog.round(
                pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - w.xact_start)::numeric, 0
            )::text, 'an unknown time,')
        )
        from pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) as b (pid)
        left join pg_catalog.pg_stat_activity as w on w.pid = b.pid
    ) as blockers
from pg_catalog.pg_stat_activity as a
left join pg_catalog.pg_stat_progress_create_index as p on p.pid = a.pid
where a.datname = pg_catalog.current_database()
    and a.application_name ~ pg_catalog.format('^pg_deploy %%s (apply|rollback|mend) ', %(deployment)s::text)
    and a.state = 'active'
order by a.backend_start
