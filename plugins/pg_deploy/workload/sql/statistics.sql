<<<<<<< HEAD
-- Where pg_stat_statements is, whether it tells of resets and evictions and counts everybody's calls, the server's time, and when it
-- was started.
select
    pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()))::bigint as at,
    pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as started,
    n.nspname::text as schema,
    exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
            and c.relname = 'pg_stat_statements_info'
    ) as has_info,
    pg_catalog.current_setting('pg_stat_statements.track', true) is not distinct from 'none'
    or pg_catalog.current_setting('compute_query_id', true) is not distinct from 'off'
    or exists (
        select
        from pg_catalog.pg_db_role_setting r
        cross join lateral pg_catalog.unnest(r.setconfig) each
        where each in ('pg_stat_statements.track=none', 'compute_query_id=off')
            and (
                r.setdatabase = 0
                or r.setdatabase = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
            )
    ) as is_partly_off
from (values (1)) always
left join pg_catalog.pg_extension e on e.extname = 'pg_stat_statements'
left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
=======
-- What the planner may be told of, a row each: tables, columns, indexed expressions and extended statistics; whether it has been told.
with tables as (
    select
        c.oid,
        pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
        n.nspname || '.' || c.relname as plain,
        -- Whoever reads a partitioned table reads its partitions.
        array(
            select s.nspname || '.' || above.relname
            from pg_catalog.pg_partition_ancestors(c.oid) ancestor
            join pg_catalog.pg_class above on above.oid = ancestor.relid
            join pg_catalog.pg_namespace s on s.oid = above.relnamespace
        ) as ancestors,
        c.reltuples,
        -- A partitioned table has no storage, and its statistics are about all its partitions.
        case
            when c.relkind = 'p' then (
                select coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(part.relid)), 0)
                from pg_catalog.pg_partition_tree(c.oid) part
            )
            else pg_catalog.pg_relation_size(c.oid)
        end as bytes,
        c.relkind
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'p')
        and c.relpersistence <> 't'
        and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'deploy_ledger')
)
select 'table', t.oid::bigint, 0, '', t.oid::bigint, t.name, t.plain, t.ancestors, t.bytes > 0, t.reltuples >= 0
from tables t
union all
select
    'column',
    t.oid::bigint,
    a.attnum::integer,
    pg_catalog.quote_ident(a.attname),
    t.oid::bigint,
    t.name,
    t.plain,
    t.ancestors,
    t.bytes > 0,
    exists (select from pg_catalog.pg_statistic s where s.starelid = t.oid and s.staattnum = a.attnum)
from tables t
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
where a.attstattarget is distinct from 0
union all
select
    'expression',
    i.indexrelid::bigint,
    a.attnum::integer,
    pg_catalog.pg_get_indexdef(i.indexrelid, a.attnum, true) || ' of index ' || pg_catalog.quote_ident(c.relname),
    t.oid::bigint,
    t.name,
    t.plain,
    t.ancestors,
    t.bytes > 0,
    exists (select from pg_catalog.pg_statistic s where s.starelid = i.indexrelid and s.staattnum = a.attnum)
from tables t
join pg_catalog.pg_index i on i.indrelid = t.oid
join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relkind = 'i'
join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid and i.indkey[a.attnum - 1] = 0
where i.indisvalid
    and a.attstattarget is distinct from 0
union all
select
    'statistics',
    x.oid::bigint,
    0,
    pg_catalog.quote_ident(x.stxname),
    t.oid::bigint,
    t.name,
    t.plain,
    t.ancestors,
    t.bytes > 0,
    exists (select from pg_catalog.pg_statistic_ext_data d where d.stxoid = x.oid)
from tables t
join pg_catalog.pg_statistic_ext x on x.stxrelid = t.oid
order by 6, 1 desc, 2, 3
>>>>>>> 7fd1f0d773b73a26f5cdf770725d2a5ebb40cfa3
