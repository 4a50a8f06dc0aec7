-- The open transactions of this database: a CONCURRENTLY build waits for no others.
select
    a.pid,
    coalesce(a.usename::text, '') as "user",
    coalesce(a.application_name, '') as application,
    coalesce(a.state, '') as state,
    extract(epoch from clock_timestamp() - a.xact_start)::float8 as age_seconds,
    coalesce(a.query, '') as query
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
    and a.pid <> pg_backend_pid()
    and a.xact_start is not null
    and a.backend_type not in ('autovacuum worker', 'walsender')
order by a.xact_start
