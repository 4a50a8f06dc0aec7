-- Whether this role may read cron.job, and whether it sees its own jobs only. No row if there is no such table.
select
    pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select') as readable,
    pg_catalog.row_security_active(c.oid) as own_jobs_only
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'cron'
    and c.relname = 'job'
    and c.relkind = 'r'
