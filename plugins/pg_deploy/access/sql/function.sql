-- What a call by qualified name and number of arguments means; several rows if it is overloaded.
select
    p.oid::bigint as id,
    n.nspname::text as schema,
    p.proname::text as name,
    l.lanname::text as language,
    pg_get_userbyid(p.proowner)::text as owner,
    p.prosecdef as definer,
    p.proisstrict as strict,
    p.provolatile::text as volatility,
    p.proretset as returns_set,
    p.prorettype = 'pg_catalog.bool'::regtype and not p.proretset as returns_boolean,
    p.prorettype = 'pg_catalog.record'::regtype or t.typtype = 'c' as returns_rows,
    p.prosrc as source,
    pg_get_functiondef(p.oid) as definition,
    pg_get_function_identity_arguments(p.oid) as arguments,
    pg_get_function_result(p.oid) as result,
    coalesce(p.proargnames, '{}')::text[] as names,
    p.pronargs::integer as takes,
    p.provariadic <> 0 or p.proargmodes is not null as unusual,
    coalesce(p.proconfig, '{}')::text[] as settings,
    pg_get_function_sqlbody(p.oid) as parsed
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
join pg_catalog.pg_type t on t.oid = p.prorettype
where n.nspname = %(schema)s
    and p.proname = %(name)s
    and p.prokind = 'f'
    and %(given)s between p.pronargs - p.pronargdefaults and p.pronargs
