-- The role's attributes, and whether a provider's own rules may give it more rights than PostgreSQL's catalog shows.
select
    current_user::text as role,
    r.rolsuper as is_superuser,
    r.rolcreaterole as can_create_role,
    has_database_privilege(current_database(), 'create') as can_create_schema,
    current_database()::text as database,
    (
        -- As current_schema(): the first existing schema of the search_path that is neither pg_catalog nor temporary.
        select s.name
        from unnest(coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::text[]) with ordinality s (name, place)
        where s.name <> 'pg_catalog'
            and not starts_with(s.name, 'pg_temp')
        order by s.place
        limit 1
    ) as default_schema,
    current_setting('server_version_num')::int as version_num,
    (
        exists (
            select
            from pg_catalog.pg_roles p
            where p.rolname in (
                    'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'neon_superuser', 'alloydbsuperuser', 'tsdbadmin'
                )
                and pg_has_role(p.oid, 'member')
        )
        or current_setting('supautils.privileged_role', true) is not null
        or current_setting('supautils.privileged_extensions', true) is not null
    ) as privileged_by_provider
from pg_catalog.pg_roles r
where r.rolname = current_user
