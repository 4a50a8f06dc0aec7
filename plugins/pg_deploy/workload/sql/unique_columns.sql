-- Of each unique index of a table: the columns that a new row needs a new value in, and whether the value must be another table's.
select
    pg_catalog.array_agg(a.attname::pg_catalog.text order by a.attnum),
    pg_catalog.array_agg(a.attnum = any (f.columns) order by a.attnum)
from pg_catalog.pg_index i
cross join lateral (
    select coalesce(pg_catalog.array_agg(k.attnum), '{}') as columns
    from pg_catalog.pg_constraint c
    cross join lateral pg_catalog.unnest(c.conkey) as k (attnum)
    where c.conrelid = i.indrelid and c.contype = 'f'
) f
join pg_catalog.pg_attribute a
    on a.attrelid = i.indrelid
    and a.attnum > 0
    and (
        a.attnum = any (i.indkey)
        or exists (
            select
            from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                and d.objid = i.indexrelid
                and d.refobjid = i.indrelid
                and d.refobjsubid = a.attnum
        )
    )
where i.indrelid = pg_catalog.to_regclass(%s) and i.indisunique
group by i.indexrelid
