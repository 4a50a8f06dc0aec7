-- A permissive policy that lets a role of the API write whatever it likes. `true` for select may be meant: public data.
select
    'policy_always_true_for_a_write' as name,
    'warn' as level,
    format('%I.%I.%I', n.nspname, c.relname, p.polname) as object,
    case p.polcmd when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'every command' end
        || ' is allowed for every row' as detail,
    'say in the policy whose rows may be written' as remedy
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where p.polpermissive
    and p.polcmd <> 'r'
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'deploy_ledger', 'cron', 'extensions'])
    -- the service role passes by every policy, so one for it alone opens nothing
    and exists (
        select
        from unnest(p.polroles) named
        where named = 0
            or pg_get_userbyid(named) in ('anon', 'authenticated')
    )
    and (
        btrim(pg_get_expr(p.polqual, p.polrelid), '() ') in ('true', '1 = 1')
        or btrim(pg_get_expr(p.polwithcheck, p.polrelid), '() ') in ('true', '1 = 1')
    )
order by object
