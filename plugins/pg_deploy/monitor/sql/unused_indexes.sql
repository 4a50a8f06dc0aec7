-- Indexes that no query has used, in days since that was first seen. An index of a constraint does not count: nobody has to read it.
with unread as (
    select
        format('%I.%I', s.schemaname, s.indexrelname) as object,
        s.relid,
        c.relpages as pages
    from pg_catalog.pg_stat_user_indexes s
    join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
    join pg_catalog.pg_class c on c.oid = s.indexrelid
    where s.idx_scan = 0
        and i.indisvalid
        and not i.indisunique
        and s.schemaname <> 'deploy_ledger'
        and not exists (select from pg_catalog.pg_constraint c where c.conindid = s.indexrelid)
), before as (
    select b.object, (b.detail ->> 'unread_since')::timestamptz as since
    from jsonb_to_recordset(current_setting('monitor.before')::jsonb) as b (object text, detail jsonb)
)
select
    u.object,
    round(extract(epoch from now() - coalesce(b.since, now()))::numeric / 86400, 2) as value,
    'days' as unit,
    jsonb_build_object(
        'unread_since', coalesce(b.since, now()),
        'bytes', u.pages::bigint * current_setting('block_size')::integer,
        'cause', format('no query has used the index on %s since %s', u.relid::regclass, to_char(coalesce(b.since, now()), 'YYYY-MM-DD'))
    ) as detail
from unread u
left join before b using (object)
order by 2 desc, 1
