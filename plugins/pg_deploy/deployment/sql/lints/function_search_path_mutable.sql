-- A function that looks its names up in the caller's search_path: whoever may create objects there decides what it does.
select
    'function_search_path_mutable' as name,
    'warn' as level,
    p.oid::regprocedure::text as object,
    'the function has no search_path of its own' as detail,
    format('alter function %s set search_path = '''', and qualify the names in its body', p.oid::regprocedure) as remedy
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where p.prokind in ('f', 'p')
    and l.lanname not in ('internal', 'c')
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'storage', 'deploy_ledger', 'cron', 'extensions', 'access_proof'])
    -- the names in a body in standard SQL were resolved when the function was made
    and pg_get_function_sqlbody(p.oid) is null
    and not exists (
        select
        from unnest(p.proconfig) setting
        where starts_with(setting, 'search_path=')
    )
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass
            and d.objid = p.oid
            and d.deptype = 'e'
    )
order by object
