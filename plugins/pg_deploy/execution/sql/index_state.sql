-- The state of an index by name: whether it is valid, and who is building it. No row if there is no such index.
select
    i.indisvalid and i.indisready and i.indislive as valid,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) as qualified,
    p.pid as builder
from pg_catalog.pg_class as c
join pg_catalog.pg_index as i on i.indexrelid = c.oid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_stat_progress_create_index as p on p.index_relid = c.oid
where c.oid = pg_catalog.to_regclass(%(index)s)
