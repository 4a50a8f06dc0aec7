-- ALTER … DEPENDS ON EXTENSION: such an object is dropped with the extension.
select
    'dependency on extension' as kind,
    o.parts[1] || ' ' || o.identity || ' on extension ' || quote_ident(x.extname) as identity,
    o.parts || quote_ident(x.extname) as parts,
    'database' as scope,
    jsonb_build_object('present', true) as definition
from (
    select
        'pg_catalog.pg_trigger'::regclass as classid,
        g.oid,
        format('%I.%I.%I', n.nspname, c.relname, g.tgname) as identity,
        array['trigger', quote_ident(n.nspname), quote_ident(c.relname), quote_ident(g.tgname)] as parts
    from pg_catalog.pg_trigger g
    join pg_catalog.pg_class c on c.oid = g.tgrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    union all
    select
        'pg_catalog.pg_proc'::regclass,
        p.oid,
        called.identity,
        array[
            case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
            quote_ident(n.nspname),
            quote_ident(p.proname),
            left(substr(called.identity, length(quote_ident(n.nspname) || quote_ident(p.proname)) + 3), -1)
        ]
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join lateral (select p.oid::regprocedure::text as identity offset 0) called
    union all
    select
        'pg_catalog.pg_class'::regclass,
        c.oid,
        format('%I.%I', n.nspname, c.relname),
        array[case c.relkind when 'm' then 'materialized view' else 'index' end, quote_ident(n.nspname), quote_ident(c.relname)]
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
) o
join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.oid
join pg_catalog.pg_extension x on x.oid = d.refobjid
where d.refclassid = 'pg_catalog.pg_extension'::regclass
    and d.deptype = 'x'
    and d.objsubid = 0
