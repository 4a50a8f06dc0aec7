-- The search_path and TimeZone of these roles in this database: the role's in it, the role's, the database's, the server's.
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
    values ('search_path', '"$user", public'), ('TimeZone', null)
) as s (name, server)
join pg_catalog.pg_database b on b.datname = current_database()
where r.rolname = any (%(roles)s)
