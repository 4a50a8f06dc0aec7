-- The locks that a backend holds on tables and views of users. Reading alone is left out: it stops nobody but DDL.
select
    c.oid::bigint,
    format('%%I.%%I', n.nspname, c.relname),
    l.mode
from pg_catalog.pg_locks l
join pg_catalog.pg_class c on c.oid = l.relation
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = %(pid)s
    and l.locktype = 'relation'
    and l.granted
    and l.mode <> 'AccessShareLock'
    and l.database = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema', 'deploy_ledger', 'supabase_migrations', 'pg_toast')
order by 2, 3
