-- The columns' widths, as the planner knows them. Without statistics it is the type's own width, or a guess.
select
    a.attname::text as name,
    coalesce(
        s.avg_width,
        case when a.attlen > 0 then a.attlen when y.typname = 'uuid' then 16 else 32 end
    )::int as width,
    s.avg_width is not null as measured,
    coalesce(s.null_frac, 0)::float8 as null_fraction,
    s.n_distinct::float8 as distinct_values,
    y.typname::text as type,
    -- The last number is the average, those before it are a histogram.
    s.elem_count_histogram[cardinality(s.elem_count_histogram)]::float8 as elements,
    -- The last three frequencies are the least, the greatest and that of null.
    greatest(coalesce(cardinality(s.most_common_elem_freqs), 3) - 3, 0)::int as common_elements,
    coalesce((
        select greatest(0, 1 - sum(f) / nullif(s.elem_count_histogram[cardinality(s.elem_count_histogram)], 0))
        from unnest(s.most_common_elem_freqs) with ordinality as e (f, i)
        where i <= cardinality(s.most_common_elem_freqs) - 3
    ), 0)::float8 as rare_share
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type y on y.oid = a.atttypid
left join lateral (
    select p.*
    from pg_catalog.pg_stats p
    where p.schemaname = n.nspname
        and p.tablename = c.relname
        and p.attname = a.attname
    order by p.inherited desc
    limit 1
) s on true
where a.attrelid = %s::oid
    and a.attnum > 0
    and not a.attisdropped
