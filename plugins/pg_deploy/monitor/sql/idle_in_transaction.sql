-- Sessions that hold a transaction open and do nothing in it, in seconds since their last statement ended. The sessions of one
-- application are one row, because they are one leak.
-- needs: pg_read_all_stats
with idle as (
    select
        a.pid,
        format('%s%s', a.usename, coalesce(' (' || nullif(a.application_name, '') || ')', '')) as who,
        a.state_change,
        row_number() over (partition by a.usename, a.application_name order by a.state_change) as place
    from pg_catalog.pg_stat_activity a
    where a.datname = current_database()
        and a.state like 'idle in transaction%'
        and a.pid <> pg_backend_pid()
)
select
    i.who as object,
    round(extract(epoch from clock_timestamp() - min(i.state_change))::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'sessions', count(*),
        'pids', jsonb_agg(i.pid order by i.place) filter (where i.place <= 20),
        'cause', format(
            '%s idle in a transaction since %s UTC (pid %s): locks are held, and vacuum waits',
            case count(*) when 1 then 'a session has been' else format('%s sessions have been', count(*)) end,
            to_char(min(i.state_change) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
            string_agg(i.pid::text, ', ' order by i.place) filter (where i.place <= 5)
                || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
        )
    ) as detail
from idle i
group by i.who
order by 2 desc
limit 20
