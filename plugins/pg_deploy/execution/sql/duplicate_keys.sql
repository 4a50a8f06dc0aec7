-- The text of a query that lists the keys which prevent a unique index from being valid.
select pg_catalog.format(
    'select %%s as key, pg_catalog.count(*) from %%s where %%s group by %%s having pg_catalog.count(*) > 1 order by 2 desc limit %%s',
    pg_catalog.format('pg_catalog.concat_ws('', '', %%s)', parts.labelled),
    i.indrelid::pg_catalog.regclass,
    pg_catalog.concat_ws(' and ', parts.not_null, pg_catalog.pg_get_expr(i.indpred, i.indrelid)),
    parts.keys,
    %(most)s::integer
)
from pg_catalog.pg_index as i
cross join lateral (
    select
        pg_catalog.string_agg(d.def, ', ' order by k) as keys,
        pg_catalog.string_agg(pg_catalog.format('(%%s) is not null', d.def), ' and ' order by k) as not_null,
        pg_catalog.string_agg(pg_catalog.format('%%L || (%%s)::text', d.def || '=', d.def), ', ' order by k) as labelled
    from pg_catalog.generate_series(1, i.indnkeyatts) as k
    cross join lateral (select pg_catalog.pg_get_indexdef(i.indexrelid, k, false) as def) as d
) as parts
where i.indexrelid = pg_catalog.to_regclass(%(index)s) and i.indisunique
