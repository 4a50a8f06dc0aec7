-- The unique keys of every table over columns that are never null: rows that agree in one are one row.
select
    n.nspname::text as schema,
    c.relname::text as name,
    array_agg(a.attname::text order by k.place) as key
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(i.indkey::smallint[]) with ordinality k (number, place)
left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indisunique
    and i.indisvalid
    and i.indimmediate
    and i.indpred is null
    and i.indexprs is null
    and i.indnatts = i.indnkeyatts
    and not starts_with(n.nspname, 'pg_')
group by i.indexrelid, n.nspname, c.relname
having bool_and(a.attnotnull and not exists (
    select
    from pg_catalog.pg_constraint k
    where k.conrelid = a.attrelid
        and k.contype = 'n'
        and k.conkey = array[a.attnum]
        and not k.convalidated
))
