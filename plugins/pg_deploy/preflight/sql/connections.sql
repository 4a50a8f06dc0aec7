-- The connections in use, and the limits of server, role and database. Without pg_read_all_stats the type of other sessions is
-- null; then those with a database are counted.
with client as (
    select a.datname, a.usename
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend'
        or (a.backend_type is null and a.datid is not null)
)
select
    (select count(*) from client)::int as used,
    current_setting('max_connections')::int as most,
    case
        when r.rolsuper then 0
        when pg_has_role(coalesce(
            (select p.oid from pg_catalog.pg_roles p where p.rolname = 'pg_use_reserved_connections'),
            r.oid
        ), 'usage') and current_setting('reserved_connections', true) is not null
            then current_setting('superuser_reserved_connections')::int
        else current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int
    end as reserved,
    case when r.rolsuper or r.rolconnlimit < 0 then null else r.rolconnlimit end as role_limit,
    (select count(*) from client where usename = r.rolname)::int as role_used,
    case when r.rolsuper or d.datconnlimit < 0 then null else d.datconnlimit end as database_limit,
    (select count(*) from client where datname = d.datname)::int as database_used
from pg_catalog.pg_roles r
cross join pg_catalog.pg_database d
where r.rolname = current_user
    and d.datname = current_database()
