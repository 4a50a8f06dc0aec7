-- The share of blocks that were found in the server's cache, in per cent. It is the better one of the last two runs, because a
-- backup, or a server that has just started, reads everything once. A time with fewer than 10,000 blocks does not count.
with now as (
    select d.blks_hit as hit, d.blks_read as read
    from pg_catalog.pg_stat_database d
    where d.datname = current_database()
), before as (
    select
        (b.detail ->> 'hit')::bigint as hit,
        (b.detail ->> 'read')::bigint as read,
        (b.detail ->> 'ratio')::numeric as ratio,
        (b.detail ->> 'at')::timestamptz as at
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
), since as (
    select
        n.hit - case when b.hit <= n.hit then b.hit else 0 end as hit,
        n.read - case when b.hit <= n.hit then b.read else 0 end as read,
        b.ratio as ratio_before,
        -- The figures of a time with a deployment are not used: its checks and builds are not the application's doing.
        b.at is not null and not exists (
            select from deploy_ledger.deployment d where coalesce(d.ended_at, now()) > b.at
        ) as known
    from now n
    left join before b on true
), judged as (
    select s.*, case when s.known and s.hit + s.read >= 10000 then round(100.0 * s.hit / (s.hit + s.read), 2) end as ratio
    from since s
)
select
    'the database' as object,
    case when s.ratio is not null and s.ratio_before is not null then greatest(s.ratio, s.ratio_before) end as value,
    '%' as unit,
    jsonb_build_object(
        'at', clock_timestamp(),
        'hit', n.hit,
        'read', n.read,
        'ratio', coalesce(s.ratio, s.ratio_before),
        'cause', format('only %s %% of %s blocks were in the cache', round(100.0 * s.hit / nullif(s.hit + s.read, 0), 1), s.hit + s.read)
    ) as detail
from now n
cross join judged s
