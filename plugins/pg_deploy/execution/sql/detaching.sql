-- The partition that a DETACH PARTITION … CONCURRENTLY names, if it is still a partition of that parent.
select i.inhparent::pg_catalog.regclass::text, i.inhrelid::pg_catalog.regclass::text, i.inhdetachpending
from pg_catalog.regexp_match(
    %(statement)s, 'alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(\S+)\s+detach\s+partition\s+(\S+)\s+concurrently', 'i'
) as m
join pg_catalog.pg_inherits as i
    on i.inhparent = pg_catalog.to_regclass(m[1]) and i.inhrelid = pg_catalog.to_regclass(m[2])
