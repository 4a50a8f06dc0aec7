-- A function with its owner's rights that anon or authenticated may call: row level security does not hold in it.
select
    'definer_function_open_to_the_api' as name,
    'warn' as level,
    format('%I.%s', n.nspname, substr(p.oid::regprocedure::text, strpos(p.oid::regprocedure::text, p.proname::text))) as object,
    string_agg(r.rolname, ', ' order by r.rolname) || ' may execute it with the rights of ' || pg_get_userbyid(p.proowner) as detail,
    format('revoke execute on function %s from public, anon, authenticated, or make it security invoker', p.oid::regprocedure)
        as remedy
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
where p.prosecdef
  and p.prorettype <> 'pg_catalog.trigger'::regtype
  and not starts_with(n.nspname, 'pg_')
  and n.nspname <> all (array['information_schema', 'auth', 'storage', 'deploy_ledger', 'cron', 'extensions'])
  and has_schema_privilege(r.oid, n.oid, 'usage')
  and has_function_privilege(r.oid, p.oid, 'execute')
group by p.oid, n.nspname, p.proname, p.proowner
order by object
