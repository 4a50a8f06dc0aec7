-- Indexes that have the same table, columns, order and condition as another index.
with known as (
    select
        i.indexrelid,
        i.indrelid,
        i.indisunique or i.indisprimary or i.indisreplident or i.indisclustered as needed,
        (i.indrelid, c.relam, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
            coalesce(pg_get_expr(i.indexprs, i.indrelid), ''), coalesce(pg_get_expr(i.indpred, i.indrelid), ''))::text as shape
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where i.indisvalid
        and c.relkind = 'i'
        and n.nspname not like 'pg\_%'
), twins as (
    select
        k.*,
        first_value(k.indexrelid) over (partition by k.shape order by k.needed desc, k.indexrelid) as kept
    from known k
)
select
    t.indexrelid::regclass::text as object,
    1 as value,
    'duplicate' as unit,
    jsonb_build_object('cause', format('is the same as %s on %s', t.kept::regclass, t.indrelid::regclass)) as detail
from twins t
where t.indexrelid <> t.kept
    and not t.needed
order by 1
