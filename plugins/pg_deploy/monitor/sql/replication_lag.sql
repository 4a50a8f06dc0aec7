-- How far each standby is behind, in seconds: of standbys that share a name, the last one. One that an earlier run saw and that is
-- gone is told for a day.
-- needs: pg_read_all_stats
with standby as (
    select
        coalesce(nullif(s.application_name, ''), 'pid ' || s.pid) as object,
        count(*) as standbys,
        max(extract(epoch from coalesce(s.replay_lag, interval '0'))) as lag_s,
        max(s.state) as state,
        max(pg_wal_lsn_diff(
            case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
            s.replay_lsn
        )) as behind
    from pg_catalog.pg_stat_replication s
    where s.state is not null
        and s.state <> 'backup'
        -- These read the log for a backup, and end with it.
        and s.application_name <> all (array['pg_basebackup', 'pg_receivewal'])
    group by 1
), before as (
    -- `standbys` is the most that were seen under the name within a day, and `seen_at` when so many were seen last.
    select b.object, coalesce((b.detail ->> 'standbys')::int, 1) as standbys, (b.detail ->> 'seen_at')::timestamptz as seen_at
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
    where (b.detail ->> 'seen_at')::timestamptz > clock_timestamp() - interval '1 day'
)
select
    s.object,
    round(s.lag_s::numeric, 1) as value,
    's' as unit,
    case when b.standbys is null then
        jsonb_build_object(
            'state', s.state,
            'standbys', s.standbys,
            'seen_at', clock_timestamp(),
            'cause', format(
                'the standby is in state %s, %s s and %s behind',
                s.state,
                round(s.lag_s::numeric),
                coalesce(pg_size_pretty(s.behind), 'an unknown amount')
            )
        )
    else
        jsonb_build_object(
            'state', s.state,
            'standbys', b.standbys,
            'seen_at', b.seen_at,
            'alert', true,
            'cause', format(
                '%s of %s standbys of this name are connected, all of them last seen %s UTC',
                s.standbys, b.standbys, to_char(b.seen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
            )
        )
    end as detail
from standby s
left join before b on b.object = s.object and b.standbys > s.standbys
union all
-- For a day only: whoever took a standby away on purpose must not be reminded for ever.
select
    b.object,
    round(extract(epoch from clock_timestamp() - b.seen_at)::numeric, 1),
    's',
    jsonb_build_object(
        'standbys', b.standbys,
        'seen_at', b.seen_at,
        'alert', true,
        'cause', format('the standby is not connected any more, last seen %s UTC', to_char(b.seen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
    )
from before b
where not exists (select from standby s where s.object = b.object)
    and b.object !~ '^pid '
order by 1
