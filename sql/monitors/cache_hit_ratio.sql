-- Blocks found in the server's cache since the last run, in per cent. Says nothing before 10,000 blocks were asked for.
with now as (
    select d.blks_hit as hit, d.blks_read as read, d.stats_reset
    from pg_catalog.pg_stat_database d
    where d.datname = current_database()
), before as (
    select
        (b.detail ->> 'hit')::bigint as hit,
        (b.detail ->> 'read')::bigint as read,
        (b.detail ->> 'at')::timestamptz as at
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
), since as (
    select
        n.hit - case when b.hit <= n.hit then b.hit else 0 end as hit,
        n.read - case when b.hit <= n.hit then b.read else 0 end as read,
        -- A deployment's checks and builds are not the application's doing.
        b.at is not null and not exists (
            select from deploy_ledger.deployment d where coalesce(d.ended_at, now()) > b.at
        ) as known
    from now n
    left join before b on true
)
select
    'the database' as object,
    case when s.known and s.hit + s.read >= 10000 then round(100.0 * s.hit / (s.hit + s.read), 2) end as value,
    '%' as unit,
    jsonb_build_object(
        'at', clock_timestamp(),
        'hit', n.hit,
        'read', n.read,
        'cause', format('only %s %% of %s blocks were in the cache', round(100.0 * s.hit / nullif(s.hit + s.read, 0), 1), s.hit + s.read)
    ) as detail
from now n
cross join since s
