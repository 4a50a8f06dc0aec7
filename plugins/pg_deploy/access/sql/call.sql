-- How a routine is called: its name, the types of its arguments, what it answers, and whether it may write. Parameter: identity.
select
    quote_ident(n.nspname) || '.' || quote_ident(p.proname) as name,
    array(
        select format_type(argument, null)
        from unnest(p.proargtypes::oid[]) with ordinality listed (argument, place)
        order by place
    ) as types,
    case
        when p.prokind = 'p' then 'procedure'
        when p.prokind <> 'f' then 'other'
        when p.proretset then 'set'
        when p.prorettype = 'pg_catalog.bool'::regtype then 'condition'
        else 'value'
    end as returns,
    p.provolatile = 'v' as may_write
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid = to_regprocedure(%(identity)s)
