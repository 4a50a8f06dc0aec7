-- The share of transactions since the last run that were aborted, in per cent. Null if there were fewer than 1,000 transactions.
with now as (
    select d.xact_commit as committed, d.xact_rollback as aborted
    from pg_catalog.pg_stat_database d
    where d.datname = current_database()
), before as (
    select
        (b.detail ->> 'committed')::bigint as committed,
        (b.detail ->> 'aborted')::bigint as aborted,
        (b.detail ->> 'at')::timestamptz as at
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
), since as (
    select
        n.committed - case when b.committed <= n.committed then b.committed else 0 end as committed,
        n.aborted - case when b.committed <= n.committed then least(b.aborted, n.aborted) else 0 end as aborted,
        -- The figures of a time with a deployment are not used: its checks and builds are not the application's doing.
        b.at is not null and not exists (
            select from deploy_ledger.deployment d where coalesce(d.ended_at, now()) > b.at
        ) as known
    from now n
    left join before b on true
)
select
    'the database' as object,
    case when s.known and s.committed + s.aborted >= 1000
        then round(100.0 * s.aborted / (s.committed + s.aborted), 2) end as value,
    '%' as unit,
    jsonb_build_object(
        'at', clock_timestamp(),
        'committed', n.committed,
        'aborted', n.aborted,
        'cause', format('%s of %s transactions were aborted', s.aborted, s.committed + s.aborted)
    ) as detail
from now n
cross join since s
