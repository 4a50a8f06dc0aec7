-- The search_path and TimeZone of these roles in this database. The setting of the role in this database comes first, then the
-- role's, the database's and the server's. The server's own TimeZone can be seen only if neither this session's role nor the database
-- sets another one.
select
    r.rolname::text as role,
    s.name::text as setting,
    coalesce(
        (
            select substr(o.option, length(s.name) + 2)
            from pg_catalog.pg_db_role_setting d
            cross join lateral unnest(d.setconfig) as o (option)
            where d.setdatabase in (0, b.oid)
                and d.setrole in (0, r.oid)
                and lower(o.option) like lower(s.name) || '=%%'
            order by d.setrole = 0, d.setdatabase = 0
            limit 1
        ),
        s.server
    ) as value
from pg_catalog.pg_roles r
cross join (
    select 'search_path', '"$user", public'
    union all
    select 'TimeZone', (
        select g.reset_val
        from pg_catalog.pg_settings g
        where g.name = 'TimeZone'
            and not exists (
                select
                from pg_catalog.pg_db_role_setting d
                cross join lateral unnest(d.setconfig) as o (option)
                where d.setdatabase in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))
                    and d.setrole in (0, (select u.oid from pg_catalog.pg_roles u where u.rolname = session_user))
                    and lower(o.option) like 'timezone=%%'
            )
    )
) as s (name, server)
join pg_catalog.pg_database b on b.datname = current_database()
where r.rolname = any (%(roles)s)
