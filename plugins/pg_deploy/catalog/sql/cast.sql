select
    'cast' as kind,
    format_type(k.castsource, null) || ' as ' || format_type(k.casttarget, null) as identity,
    array[format_type(k.castsource, null), format_type(k.casttarget, null)] as parts,
    'database' as scope,
    jsonb_build_object(
        'function', case when k.castfunc <> 0 then k.castfunc::regprocedure::text end,
        'context', case k.castcontext when 'a' then 'assignment' when 'i' then 'implicit' else 'explicit' end,
        'method', case k.castmethod when 'b' then 'binary' when 'i' then 'input and output' else 'function' end
    ) as definition
from pg_catalog.pg_cast k
where k.oid >= 16384
    and ('pg_catalog.pg_cast'::regclass, k.oid) not in (select e.classid, e.objid from extension_member e)
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_cast'::regclass
            and d.objid = k.oid
            and d.deptype = 'i'
    )
