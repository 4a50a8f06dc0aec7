-- Indexes that no query can use and that nobody is building now.
select
    format('%I.%I', n.nspname, c.relname) as object,
    1 as value,
    'invalid' as unit,
    jsonb_build_object(
        'table', i.indrelid::regclass::text,
        'cause', format('the index on %s is not valid: what a failed build left, kept up to date by each write and read by no query', i.indrelid::regclass)
    ) as detail
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready)
    and c.relkind = 'i'
    and n.nspname not like 'pg\_%'
    and not exists (
        select
        from pg_catalog.pg_stat_progress_create_index p
        where p.index_relid = i.indexrelid
            or (coalesce(p.index_relid, 0) = 0 and coalesce(p.relid, i.indrelid) = i.indrelid)
    )
order by 1
