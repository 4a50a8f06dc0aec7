-- Two indexes of one definition: the second costs every write and serves no query.
with pair as materialized (
    -- What is cheap to compare comes first: the server composes a definition each time it is asked for.
    select i.indexrelid, i.indrelid, same.indexrelid as kept
    from pg_catalog.pg_index i
    join pg_catalog.pg_index same on same.indrelid = i.indrelid
    where i.indexrelid <> same.indexrelid
        and same.indisvalid
        and i.indisvalid
        and not i.indisunique
        and i.indkey::text = same.indkey::text
        and i.indclass::text = same.indclass::text
        and i.indoption::text = same.indoption::text
        -- if one of two enforces a key, the other is the duplicate; else the later one is
        and (same.indisunique or same.indexrelid < i.indexrelid)
)
select
    'duplicate_index' as name,
    'warn' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    'has the same definition as ' || format('%I.%I', n.nspname, kept.relname) || ' on ' || p.indrelid::regclass as detail,
    format('drop index concurrently %I.%I', n.nspname, c.relname) as remedy
from pair p
join pg_catalog.pg_class c on c.oid = p.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_class kept on kept.oid = p.kept
where not starts_with(n.nspname, 'pg_')
    -- the definition without UNIQUE and the index's own name, which may hold anything, at its beginning
    and substr(pg_get_indexdef(p.indexrelid), strpos(pg_get_indexdef(p.indexrelid), ' INDEX ') + length(format(' INDEX %I', c.relname)))
    = substr(pg_get_indexdef(p.kept), strpos(pg_get_indexdef(p.kept), ' INDEX ') + length(format(' INDEX %I', kept.relname)))
order by object
