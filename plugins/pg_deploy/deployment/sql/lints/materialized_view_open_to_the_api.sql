-- A materialized view knows no row level security: whoever may read it reads every row.
select
    'materialized_view_open_to_the_api' as name,
    'warn' as level,
    format('%I.%I', n.nspname, c.relname) as object,
    string_agg(r.rolname, ', ' order by r.rolname) || ' may read every row of it' as detail,
    format('revoke all on %I.%I from public, anon, authenticated', n.nspname, c.relname) as remedy
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
where c.relkind = 'm'
    and has_schema_privilege(r.oid, n.oid, 'usage')
    and has_any_column_privilege(r.oid, c.oid, 'select')
group by n.nspname, c.relname
order by object
