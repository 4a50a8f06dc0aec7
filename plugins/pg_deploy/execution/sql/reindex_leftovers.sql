-- The invalid copies that an interrupted REINDEX CONCURRENTLY left: of one index, of one table's indexes, or of all.
select n.nspname, c.relname
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as t on t.oid = i.indrelid
where not i.indisvalid
    and c.relname ~ '_cc(new|old)[0-9]*$'
    and (%(index)s::text is null or c.relname ~ ('^' || pg_catalog.left(%(index)s::text, 50)))
    and (%(table)s::text is null or t.relname = %(table)s::text)
    and not exists (select from pg_catalog.pg_stat_progress_create_index as p where p.index_relid = i.indexrelid)
