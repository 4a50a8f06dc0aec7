-- What all databases of the server share, as this transaction sees it, its own changes included. Named fields: what the server
-- writes into these rows by itself is no change of ours. Newer ones than version 14 has, through jsonb.
select
    (
        select md5(string_agg(
            jsonb_build_array(
                r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
                r.rolconnlimit, r.rolvaliduntil, r.rolbypassrls, r.rolconfig
            )::text,
            '' order by r.oid
        ))
        from pg_catalog.pg_roles r
    ) as roles,
    (
        select md5(string_agg(m.fields, '' order by m.fields))
        from (
            select jsonb_build_array(
                m.roleid, m.member, m.grantor, m.admin_option, to_jsonb(m) -> 'inherit_option', to_jsonb(m) -> 'set_option'
            )::text as fields
            from pg_catalog.pg_auth_members m
        ) m
    ) as memberships,
    (
        select md5(string_agg(
            jsonb_build_array(s.setdatabase, s.setrole, s.setconfig)::text, '' order by s.setdatabase, s.setrole
        ))
        from pg_catalog.pg_db_role_setting s
    ) as settings,
    (
        select md5(string_agg(
            jsonb_build_array(
                b.oid, b.datname, b.datdba, b.encoding, b.datcollate, b.datctype, to_jsonb(b) -> 'datlocprovider',
                to_jsonb(b) -> 'daticulocale', to_jsonb(b) -> 'datlocale', to_jsonb(b) -> 'daticurules',
                to_jsonb(b) -> 'datcollversion', b.datistemplate, b.datallowconn, b.datconnlimit, b.dattablespace, b.datacl
            )::text,
            '' order by b.oid
        ))
        from pg_catalog.pg_database b
    ) as databases
