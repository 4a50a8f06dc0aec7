-- Sessions that wait for a lock, in seconds. One row for each session at the head of a queue: if that one ends, all others go on.
-- needs: pg_read_all_stats
with recursive waiting as materialized (
    select
        a.pid,
        a.query_id::text as query_id,
        coalesce(l.waitstart, a.state_change) as since,
        coalesce(
            l.relation::regclass::text,
            case when l.locktype in ('transactionid', 'tuple') then 'a row' else 'a lock (' || l.locktype || ')' end
        ) as what,
        pg_blocking_pids(a.pid) as blockers
    from pg_catalog.pg_locks l
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where not l.granted
        and a.datname = current_database()
    order by 3
    limit 200
), chain as (
    select w.pid, b.pid as by, 1 as depth
    from waiting w
    cross join lateral unnest(w.blockers) as b (pid)
    union
    select c.pid, b.pid, c.depth + 1
    from chain c
    join waiting w on w.pid = c.by
    cross join lateral unnest(w.blockers) as b (pid)
    where c.depth < 10
), head as (
    select distinct c.pid, c.by
    from chain c
    where not exists (select from waiting w where w.pid = c.by)
        and c.by <> c.pid
)
select
    case h.by when 0 then 'a prepared transaction' else format('held by pid %s', h.by) end as object,
    round(extract(epoch from clock_timestamp() - min(w.since))::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'sessions', count(*),
        'query_ids', jsonb_agg(distinct w.query_id) filter (where w.query_id is not null),
        'do', case
            when h.by = 0 then 'end it with commit prepared or rollback prepared'
            when min(b.state) like 'idle in transaction%'
                then format('ask its owner to end the transaction; it sits idle, so pg_terminate_backend(%s) ends no work', h.by)
            when min(b.application_name) ~ '^(pg_cron|pg_deploy|pg_dump|pg_restore)'
                or min(b.query) ~* '^\s*(refresh|create|alter|reindex|vacuum|cluster|drop|copy|select\s+cron)'
                then format('pid %s is at work on what was asked of it: let it end; then have it run at a quieter hour', h.by)
            else format('see what pid %s does, and ask its owner; pg_cancel_backend(%s) ends its statement and undoes its work', h.by, h.by)
        end,
        'waiting', (array_agg(w.pid order by w.since))[:20],
        'cause', format(
            '%s since %s UTC for %s, held by %s%s%s',
            case count(*) when 1 then format('pid %s has been waiting', min(w.pid)) else format('%s sessions have been waiting', count(*)) end,
            to_char(min(w.since) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
            (array_agg(w.what order by w.since))[1],
            case h.by when 0 then 'a prepared transaction' else format('pid %s', h.by) end,
            coalesce(' (' || min(b.usename) || coalesce(', ' || nullif(min(b.application_name), ''), '') || ')', ''),
            case when min(b.state) like 'idle in transaction%' then ', which sits idle in its transaction' else '' end
        )
    ) as detail
from head h
join waiting w on w.pid = h.pid
left join pg_catalog.pg_stat_activity b on b.pid = h.by
group by h.by
order by 2 desc
limit 20
