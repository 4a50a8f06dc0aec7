select
    d.datname::text as name,
    pg_has_role(d.datdba, 'usage') as owned
from pg_catalog.pg_database d
where d.datname = any (%s::text[])
