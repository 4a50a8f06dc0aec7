-- An index that a failed concurrent build left behind: no query uses it, every write maintains it.
select
    'invalid_index' as name,
    'error' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    'the index on ' || i.indrelid::regclass || ' is not valid' as detail,
    format('drop index concurrently %I.%I, then build it again', n.nspname, c.relname) as remedy
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready)
    and c.relkind = 'i'
    and not starts_with(n.nspname, 'pg_')
    -- one that is being built right now is not left behind
    and not exists (
        select
        from pg_catalog.pg_stat_progress_create_index b
        where b.index_relid = i.indexrelid
    )
order by object
