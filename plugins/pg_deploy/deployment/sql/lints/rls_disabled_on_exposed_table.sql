-- A table that anon or authenticated may use and that no row level security guards: every row is theirs.
select
    'rls_disabled_on_exposed_table' as name,
    'error' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    'row level security is off, and ' || string_agg(distinct r.rolname, ', ') || ' may use every row' as detail,
    format('alter table %I.%I enable row level security, and create the policies that it needs', n.nspname, c.relname) as remedy
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
where c.relkind in ('r', 'p')
    and not c.relrowsecurity
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'deploy_ledger', 'supabase_migrations', 'cron', 'extensions', 'access_proof'])
    and has_schema_privilege(r.oid, n.oid, 'usage')
    and (
        has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
        or has_table_privilege(r.oid, c.oid, 'delete')
    )
group by n.nspname, c.relname
order by object
