-- Size and rows of a table with its partitions. The rows of the statistics are scaled to today's size, as the planner does.
with leaf as (
    select
        c.oid,
        c.reltuples::float8 as tuples,
        c.relpages::float8 as pages,
        pg_relation_size(c.oid)::float8 / current_setting('block_size')::int as pages_now
    from pg_catalog.pg_partition_tree(%s::oid::regclass) t
    join pg_catalog.pg_class c on c.oid = t.relid
    where t.isleaf and c.relkind in ('r', 'm')
    union
    select
        c.oid,
        c.reltuples::float8,
        c.relpages::float8,
        pg_relation_size(c.oid)::float8 / current_setting('block_size')::int
    from pg_catalog.pg_class c
    where c.oid = %s::oid and c.relkind in ('r', 'm')
)
select
    coalesce(sum(
        case when tuples > 0 and pages > 0 then tuples * pages_now / pages end
    ), 0)::float8 as tuples,
    coalesce(sum(case when tuples > 0 and pages > 0 then 0 else pages_now end), 0)::float8 as pages_without_statistics,
    coalesce(sum(pages_now), 0)::float8 as pages
from leaf
