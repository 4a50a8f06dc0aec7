-- A function with its owner's rights that anon or authenticated may call: row level security does not hold in it.
select
    'definer_function_open_to_the_api' as name,
    'warn' as level,
    p.oid::regprocedure::text as object,
    string_agg(r.rolname, ', ' order by r.rolname) || ' may execute it with the rights of ' || pg_get_userbyid(p.proowner) as detail,
    -- A policy calls it as whoever asks: taken from all of them, every row of its table is refused.
    case
        when called.by_policies is null
            then format(
                'revoke execute on function %s from public, anon, authenticated, but not from roles that ask what rests on it; or'
                ' make it security invoker',
                p.oid::regprocedure
            )
        else format(
            'policies call it (%s): keep it for the roles that these are for, which is what `allow:` is there for, and revoke execute on'
            ' function %s from public and all others',
            called.by_policies, p.oid::regprocedure
        )
    end as remedy
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
cross join lateral (
    select string_agg(distinct format('%I on %s', l.polname, l.polrelid::regclass), ', ') as by_policies
    from pg_catalog.pg_depend d
    join pg_catalog.pg_policy l on l.oid = d.objid
    where d.classid = 'pg_catalog.pg_policy'::regclass
        and d.refclassid = 'pg_catalog.pg_proc'::regclass
        and d.refobjid = p.oid
) called
where p.prosecdef
    and p.prorettype <> 'pg_catalog.trigger'::regtype
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'storage', 'deploy_ledger', 'cron', 'extensions'])
    and has_schema_privilege(r.oid, n.oid, 'usage')
    and has_function_privilege(r.oid, p.oid, 'execute')
group by p.oid, n.nspname, p.proname, p.proowner, called.by_policies
order by object
