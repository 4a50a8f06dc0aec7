-- Functions and procedures by their whole definition; an aggregate has no such text, so by its parts.
select
    case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
    called.identity,
    array[
        quote_ident(s.nspname),
        quote_ident(p.proname),
        left(substr(called.identity, length(quote_ident(s.nspname) || quote_ident(p.proname)) + 3), -1)
    ] as parts,
    'database' as scope,
    jsonb_build_object('owner', pg_get_userbyid(p.proowner))
    || case when p.prokind <> 'a' then jsonb_build_object('definition', pg_get_functiondef(p.oid))
    else jsonb_build_object(
        'result', pg_get_function_result(p.oid),
        'parallel', p.proparallel,
        'arguments', pg_get_function_arguments(p.oid),
        'direct arguments', case when a.aggkind <> 'n' then format('%s %s', a.aggkind, a.aggnumdirectargs) end,
        'sfunc', a.aggtransfn::text,
        'stype', format_type(a.aggtranstype, null),
        'sspace', nullif(a.aggtransspace, 0),
        'initcond', a.agginitval,
        'finalfunc', nullif(a.aggfinalfn::text, '-'),
        'finalfunc extra', a.aggfinalextra,
        'finalfunc modify', a.aggfinalmodify,
        'combinefunc', nullif(a.aggcombinefn::text, '-'),
        'serialfunc', nullif(a.aggserialfn::text, '-'),
        'deserialfunc', nullif(a.aggdeserialfn::text, '-'),
        'msfunc', nullif(a.aggmtransfn::text, '-'),
        'minvfunc', nullif(a.aggminvtransfn::text, '-'),
        'mstype', case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end,
        'mfinalfunc', nullif(a.aggmfinalfn::text, '-'),
        'minitcond', a.aggminitval,
        'sortop', case when a.aggsortop <> 0 then a.aggsortop::regoperator::text end
    ) end as definition
from pg_catalog.pg_proc p
join included_schema s on s.oid = p.pronamespace
left join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid
cross join lateral (select p.oid::regprocedure::text as identity offset 0) called
where ('pg_catalog.pg_proc'::regclass, p.oid) not in (select e.classid, e.objid from extension_member e)
    -- a range type's own come and go with it
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass
            and d.objid = p.oid
            and d.deptype = 'i'
    )
