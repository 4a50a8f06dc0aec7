select
    current_setting('server_version_num')::int as version_num,
    current_database()::text as database,
    pg_database_size(current_database()) as size_bytes,
    (select count(*) from information_schema.tables where table_schema = 'public') as table_count,
    current_user::text as role,
    array_remove(array[
        case when r.rolsuper then 'superuser' end,
        case when r.rolcreatedb then 'createdb' end,
        case when r.rolcreaterole then 'createrole' end,
        case when r.rolreplication then 'replication' end,
        case when r.rolbypassrls then 'bypassrls' end,
        case when not r.rolinherit then 'noinherit' end
    ], null) as role_attributes,
    array(
        select g.rolname::text
        from pg_catalog.pg_auth_members m
        join pg_catalog.pg_roles g on g.oid = m.roleid
        where m.member = r.oid
        group by g.rolname
        order by g.rolname
    ) as member_of,
    pg_has_role('pg_read_all_stats', 'usage') as sees_other_sessions,
    pg_is_in_recovery() as in_recovery,
    has_database_privilege(current_database(), 'create') as can_create_schema,
    4 = (
        select count(*)
        from pg_catalog.pg_roles s
        where s.rolname in ('supabase_admin', 'anon', 'authenticated', 'service_role')
    ) as is_supabase
from pg_catalog.pg_roles r
where r.rolname = current_user
