-- How far the given backend's index build has come, as one phrase.
select pg_catalog.concat_ws(', ',
    p.phase,
    case when p.blocks_total > 0
        then pg_catalog.format('%%s %%%% of %%s blocks', 100 * p.blocks_done / p.blocks_total, p.blocks_total)
    end,
    case when p.tuples_total > 0
        then pg_catalog.format('%%s %%%% of %%s rows', 100 * p.tuples_done / p.tuples_total, p.tuples_total)
    end,
    case when p.lockers_total > 0
        then pg_catalog.format('waited for %%s of %%s transactions', p.lockers_done, p.lockers_total)
    end,
    case when p.current_locker_pid > 0 then pg_catalog.format('now for pid %%s', p.current_locker_pid) end
)
from pg_catalog.pg_stat_progress_create_index as p
where p.pid = %(pid)s
