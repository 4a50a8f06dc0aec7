-- With definer's rights, or executable by anon, the function would let anybody write into any tenant's conversations.
with found as (
    select p.*
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public'
        and p.proname = 'update_conversation_metadata'
)

select 'update_conversation_metadata' as function_name, problem
from (
    select 'there is no such function with the arguments (uuid, jsonb)' as problem
    where not exists (
        select from found where pg_catalog.oidvectortypes(proargtypes) = 'uuid, jsonb'
    )
    union all
    select 'there is another function of that name: ' || oid::regprocedure
    from found
    where pg_catalog.oidvectortypes(proargtypes) <> 'uuid, jsonb'
    union all
    select 'it runs with the rights of its owner (security definer)'
    from found
    where prosecdef
    union all
    select 'its search_path is not fixed to the empty one'
    from found
    where not ('search_path=""' = any (coalesce(proconfig, '{}')))
    union all
    select 'it does not return jsonb'
    from found
    where prorettype <> 'jsonb'::regtype
    union all
    select role || ' may execute it'
    from found, unnest(array['anon']) as role
    where pg_catalog.has_function_privilege(role, oid, 'execute')
    union all
    select role || ' may not execute it'
    from found, unnest(array['authenticated', 'service_role']) as role
    where not pg_catalog.has_function_privilege(role, oid, 'execute')
) as problems;
