-- Tables with row level security in force for this role: its dump would fail, or would not hold all rows.
select n.nspname || '.' || c.relname as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and c.relrowsecurity
    and row_security_active(c.oid)
    and n.nspname not like 'pg\_%'
order by 1
