-- The schemas that we write into: our ledger, and the history that is shared with the Supabase CLI.
select
    n.nspname::text as schema,
    has_schema_privilege(n.oid, 'usage') as usable,
    has_schema_privilege(n.oid, 'create') as extensible,
    not exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
            and c.relkind in ('r', 'p')
            and not (
                has_table_privilege(c.oid, 'select')
                and has_table_privilege(c.oid, 'insert')
                and (n.nspname = 'deploy_ledger' or has_table_privilege(c.oid, 'delete'))
            )
            and (n.nspname = 'deploy_ledger' or c.relname = 'schema_migrations')
    ) as writable,
    exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid and c.relkind in ('r', 'p') and c.relname = 'schema_migrations'
    ) as has_history
from pg_catalog.pg_namespace n
where n.nspname in ('deploy_ledger', 'supabase_migrations')
