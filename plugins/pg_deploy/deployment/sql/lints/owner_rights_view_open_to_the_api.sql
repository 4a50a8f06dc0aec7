-- A view without security_invoker reads as its owner, whom the policies of the tables below seldom hold back.
select
    'owner_rights_view_open_to_the_api' as name,
    'error' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    string_agg(r.rolname, ', ' order by r.rolname) || ' read it with the rights of ' || pg_get_userbyid(c.relowner) as detail,
    format('alter view %I.%I set (security_invoker = true) from PostgreSQL 15 on, or revoke it', n.nspname, c.relname) as remedy
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
where c.relkind = 'v'
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'storage', 'extensions', 'cron'])
    and not exists (
        select
        from pg_options_to_table(c.reloptions) o
        where o.option_name = 'security_invoker'
            and o.option_value::boolean
    )
    and has_schema_privilege(r.oid, n.oid, 'usage')
    and has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
group by n.nspname, c.relname, c.relowner
order by object
