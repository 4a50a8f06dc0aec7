-- Views and functions outside the server's own schemas, by the last part of their names, with what each of them says.
select
    c.relname::text as name,
    pg_get_viewdef(c.oid) as text
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm')
    and n.nspname not in ('pg_catalog', 'information_schema', 'access_proof')
union all
select
    p.proname::text,
    case
        when l.lanname in ('sql', 'plpgsql') then coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
        when p.provolatile = 'v' then 'clock_timestamp()' -- what it does is in no text, and may be another thing next time
        else ''
    end
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where p.prokind in ('f', 'p')
    and n.nspname not in ('pg_catalog', 'information_schema', 'access_proof')
