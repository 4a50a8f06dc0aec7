-- One readable line for each backend that the given one waits for.
select
    pg_catalog.format(
        'pid %%s (user %%s, application %%s, %%s for %%s s): %%s',
        b.pid,
        coalesce(a.usename, '?'),
        coalesce(nullif(a.application_name, ''), '?'),
        coalesce(a.state, 'state not visible'),
        pg_catalog.round(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::numeric, 1),
        pg_catalog.left(pg_catalog.regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 100)
    )
from pg_catalog.unnest(pg_catalog.pg_blocking_pids(%(pid)s)) as b (pid)
left join pg_catalog.pg_stat_activity as a on a.pid = b.pid
