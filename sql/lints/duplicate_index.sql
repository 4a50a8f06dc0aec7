-- Two indexes of one definition: the second costs every write and serves no query.
select
    'duplicate_index' as name,
    'warn' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    'has the same definition as ' || format('%I.%I', n.nspname, kept.relname) || ' on ' || i.indrelid::regclass as detail,
    format('drop index concurrently %I.%I', n.nspname, c.relname) as remedy
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_index same on same.indrelid = i.indrelid
join pg_catalog.pg_class kept on kept.oid = same.indexrelid
where i.indexrelid <> same.indexrelid
  and not starts_with(n.nspname, 'pg_')
  and same.indisvalid
  and i.indisvalid
  and not i.indisunique
  and regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX \S+ ON', '')
    = regexp_replace(pg_get_indexdef(same.indexrelid), '^CREATE (UNIQUE )?INDEX \S+ ON', '')
  -- of two alike the one that enforces nothing, else the later one, is the duplicate
  and (same.indisunique or same.indexrelid < i.indexrelid)
order by object
