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
