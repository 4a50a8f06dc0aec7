-- That partition, if it is still one of that parent.
select i.inhparent::pg_catalog.regclass::text, i.inhrelid::pg_catalog.regclass::text, i.inhdetachpending
from pg_catalog.pg_inherits as i
where i.inhparent = %(parent)s::pg_catalog.oid and i.inhrelid = %(child)s::pg_catalog.oid
