-- The materialized views: their size, how each can be refreshed, and when the monitor last refreshed it.
with locked as materialized (
    -- Asking for a size takes a lock, so a view that is locked exclusively, or is about to be, is not asked.
    select coalesce(i.indrelid, l.relation) as relation
    from pg_catalog.pg_locks l
    left join pg_catalog.pg_index i on i.indexrelid = l.relation
    where l.mode = 'AccessExclusiveLock'
        and l.locktype = 'relation'
)
select
    format('%I.%I', n.nspname, c.relname) as name,
    n.nspname::text as schema,
    c.relname::text as relation,
    c.oid::bigint as oid,
    c.relispopulated as populated,
    case when c.oid not in (select l.relation from locked l) then pg_total_relation_size(c.oid) end as bytes,
    case when c.reltuples >= 0 then c.reltuples::bigint end as rows,
    (
        select a.atttypid::regtype::text
        from pg_catalog.pg_attribute a
        where a.attrelid = c.oid
            and a.attname = 'materialized_at'
            and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
            and not a.attisdropped
    ) as time_type,
    exists (
        select
        from pg_catalog.pg_index i
        where i.indrelid = c.oid
            and i.indisunique
            and i.indisvalid
            and i.indimmediate
            and i.indpred is null
            and i.indexprs is null
    ) as concurrently,
    pg_has_role(c.relowner, 'usage') as may_refresh,
    (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')) as readable,
    pg_get_userbyid(c.relowner)::text as owner,
    extract(epoch from clock_timestamp() - r.started_at)::float8 as refreshed_s,
    t.problem as refresh_problem,
    -- This value changes if the view is refreshed, altered, or written anew by VACUUM FULL.
    format('%s/%s', c.relfilenode, c.xmin) as mark,
    pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) as rows_written
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select f.started_at
    from deploy_ledger.refresh f
    where f.view_name = format('%I.%I', n.nspname, c.relname)
        and f.problem is null
    order by f.started_at desc
    limit 1
) r on true
left join lateral (
    -- The last try of the monitor that failed, if no refresh succeeded after it.
    select format('%s, %s UTC', f.problem, to_char(f.started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) as problem
    from deploy_ledger.refresh f
    where f.view_name = format('%I.%I', n.nspname, c.relname)
        and f.problem is not null
        and f.started_at > coalesce(r.started_at, clock_timestamp() - interval '1 day')
    order by f.started_at desc
    limit 1
) t on true
where c.relkind = 'm'
    and n.nspname not like 'pg\_%'
order by 1
