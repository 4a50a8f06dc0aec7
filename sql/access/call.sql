-- How a function is called: its name, the types of its arguments, and whether it answers rows. Parameter: identity.
select
    quote_ident(n.nspname) || '.' || quote_ident(p.proname) as name,
    array(
        select format_type(argument, null)
        from unnest(p.proargtypes::oid[]) with ordinality listed (argument, place)
        order by place
    ) as types,
    case when p.proretset then 'set' when p.prorettype = 'pg_catalog.bool'::regtype then 'condition' else 'value' end as returns
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid = to_regprocedure(%(identity)s)
  and p.prokind = 'f'
