-- The routines of these names: how many arguments each takes, its body, and the settings while it runs. A body in PL/pgSQL can be
-- parsed only with its parameters, so its whole definition is read too.
select
    p.oid::bigint as oid,
    n.nspname::text as schema,
    p.proname::text as name,
    l.lanname::text as language,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as body,
    case l.lanname when 'plpgsql' then pg_catalog.pg_get_functiondef(p.oid) end as definition,
    p.proconfig as settings,
    case when p.prosecdef then pg_catalog.pg_get_userbyid(p.proowner)::text end as definer,
    p.pronargs - p.pronargdefaults as least,
    case when p.provariadic <> 0 then 100 else p.pronargs end as most
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where p.proname = any (%(names)s)
    and n.nspname not in ('pg_catalog', 'information_schema')
    and l.lanname not in ('c', 'internal')
