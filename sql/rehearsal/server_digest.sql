-- What all databases of the server share, as this transaction sees it, its own changes included.
select
    (
        select md5(string_agg(to_jsonb(r)::text, '' order by r.oid))
        from pg_catalog.pg_roles r
    ) as roles,
    (
        select md5(string_agg((to_jsonb(m) - 'oid')::text, '' order by (to_jsonb(m) - 'oid')::text))
        from pg_catalog.pg_auth_members m
    ) as memberships,
    (
        select md5(string_agg(to_jsonb(s)::text, '' order by s.setdatabase, s.setrole))
        from pg_catalog.pg_db_role_setting s
    ) as settings,
    (
        select md5(string_agg((to_jsonb(b) - 'datfrozenxid' - 'datminmxid')::text, '' order by b.oid))
        from pg_catalog.pg_database b
    ) as databases
