-- Each is a function without arguments that its caller runs, so that it can only answer about its caller.
with expected (helper) as (values ('check_domain_access'), ('check_message_access')),

found as (
    select p.oid, p.proname, p.prosecdef, p.proconfig, p.pronargs, p.provolatile, p.proretset, p.prorettype, n.nspname
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where p.proname in (select helper from expected)
)

select helper, problem
from (
    select e.helper, 'does not exist as access_checks.' || e.helper || '()' as problem
    from expected e
    where not exists (select from found f where f.proname = e.helper and f.nspname = 'access_checks' and f.pronargs = 0)
    union all
    select proname, 'exists a second time, as ' || oid::regprocedure
    from found
    where nspname <> 'access_checks' or pronargs <> 0
    union all
    select proname, 'runs with the rights of its owner (security definer)'
    from found
    where nspname = 'access_checks' and prosecdef
    union all
    select proname, 'does not fix its search_path to the empty one'
    from found
    where nspname = 'access_checks' and not ('search_path=""' = any (coalesce(proconfig, '{}')))
    union all
    select proname, 'is not a stable function that returns a set of uuid'
    from found
    where nspname = 'access_checks' and (provolatile <> 's' or not proretset or prorettype <> 'uuid'::regtype)
    union all
    select proname, 'may be executed by anon'
    from found
    where nspname = 'access_checks' and pg_catalog.has_function_privilege('anon', oid, 'execute')
    union all
    select proname, 'may not be executed by authenticated: every query of a user would fail'
    from found
    where nspname = 'access_checks'
        and not (
            pg_catalog.has_function_privilege('authenticated', oid, 'execute')
            and pg_catalog.has_schema_privilege('authenticated', 'access_checks', 'usage')
        )
    union all
    select 'both', 'the API exposes schema access_checks (setting pgrst.db_schemas)'
    from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as setting
    where setting ~ '^pgrst\.db_schemas=.*\maccess_checks\M'
) as problems;
