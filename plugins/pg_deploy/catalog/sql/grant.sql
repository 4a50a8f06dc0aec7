-- One fact for each grantee and object, the owner's own rights included: no ACL and the default written out are the same.
-- An object of an extension or of the server has facts only if its rights are no longer those that it came with.
with object as (
    select
        case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
            when 'S' then 'sequence' else 'table' end as type,
        format('%I.%I', n.nspname, c.relname) as name,
        array[quote_ident(n.nspname), quote_ident(c.relname)] as parts,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        0 as subid,
        c.relacl as acl,
        acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner) as default_acl,
        'database' as scope,
        s.oid is null as came_with_server
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join included_schema s on s.oid = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and (s.oid is not null or (c.relacl is not null and n.nspname = 'pg_catalog'))
    union all
    select
        'column',
        format('%I.%I.%I', s.nspname, c.relname, a.attname),
        array[quote_ident(s.nspname), quote_ident(c.relname), quote_ident(a.attname)],
        'pg_catalog.pg_class'::regclass,
        c.oid,
        a.attnum,
        a.attacl,
        '{}'::aclitem[],
        'database',
        false
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join included_schema s on s.oid = c.relnamespace
    where a.attacl is not null
        and not a.attisdropped
    union all
    select
        case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
        called.identity,
        array[
            case when s.oid is null then '' else quote_ident(n.nspname) end,
            quote_ident(p.proname),
            left(substr(called.identity, called.before + 2), -1)
        ],
        'pg_catalog.pg_proc'::regclass,
        p.oid,
        0,
        p.proacl,
        acldefault('f', p.proowner),
        'database',
        s.oid is null
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    left join included_schema s on s.oid = n.oid
    cross join lateral (
        select
            p.oid::regprocedure::text as identity,
            -- the server's own are named without their schema
            length(coalesce(quote_ident(s.nspname) || '.', '') || quote_ident(p.proname)) as before
        offset 0
    ) called
    where (s.oid is not null or (p.proacl is not null and n.nspname = 'pg_catalog'))
        -- a range type's own come and go with it
        and not exists (
            select
            from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_proc'::regclass
                and d.objid = p.oid
                and d.deptype = 'i'
        )
    union all
    select
        'type',
        format('%I.%I', s.nspname, t.typname),
        array[quote_ident(s.nspname), quote_ident(t.typname)],
        'pg_catalog.pg_type'::regclass,
        t.oid,
        0,
        t.typacl,
        acldefault('T', t.typowner),
        'database',
        false
    from pg_catalog.pg_type t
    join included_schema s on s.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typtype <> 'm'
        -- the row type of a table counts once somebody granted something on it
        and (t.typtype <> 'c' or c.relkind = 'c' or t.typacl is not null)
        and t.oid not in (select element.typarray from pg_catalog.pg_type element)
    union all
    select
        o.type,
        quote_ident(o.name),
        array[quote_ident(o.name)],
        o.classid,
        o.oid,
        0,
        o.acl,
        acldefault(o.letter, o.owner),
        o.scope,
        false
    from (
        select 'schema' as type, s.nspname as name, 'pg_catalog.pg_namespace'::regclass as classid, s.oid,
            s.nspacl as acl, 'n'::"char" as letter, s.nspowner as owner, 'database' as scope
        from included_schema s
        union all
        select 'language', l.lanname, 'pg_catalog.pg_language'::regclass, l.oid, l.lanacl, 'l', l.lanowner, 'database'
        from pg_catalog.pg_language l
        union all
        select 'foreign data wrapper', w.fdwname, 'pg_catalog.pg_foreign_data_wrapper'::regclass, w.oid,
            w.fdwacl, 'F', w.fdwowner, 'database'
        from pg_catalog.pg_foreign_data_wrapper w
        union all
        select 'server', v.srvname, 'pg_catalog.pg_foreign_server'::regclass, v.oid, v.srvacl, 'S', v.srvowner, 'database'
        from pg_catalog.pg_foreign_server v
        union all
        select 'tablespace', b.spcname, 'pg_catalog.pg_tablespace'::regclass, b.oid, b.spcacl, 't', b.spcowner, 'cluster'
        from pg_catalog.pg_tablespace b
    ) o
    union all
    select
        'this',
        'database',
        array['this database'],
        'pg_catalog.pg_database'::regclass,
        b.oid,
        0,
        b.datacl,
        acldefault('d', b.datdba),
        'cluster',
        false
    from pg_catalog.pg_database b
    where b.datname = current_database()
    union all
    -- Without an ACL of its own it is its owner's alone.
    select
        'large object',
        l.oid::text,
        array[l.oid::text],
        'pg_catalog.pg_largeobject'::regclass,
        l.oid,
        0,
        l.lomacl,
        '{}'::aclitem[],
        'database',
        false
    from pg_catalog.pg_largeobject_metadata l
    where l.lomacl is not null
)
select
    'grant' as kind,
    o.type || ' ' || o.name || ' to ' || held.grantee as identity,
    array[case o.type when 'this' then 'database' else o.type end] || o.parts || held.grantee as parts,
    o.scope,
    held.definition
from object o
left join extension_member e on e.classid = o.classid and e.objid = o.objid
left join pg_catalog.pg_init_privs i on i.classoid = o.classid and i.objoid = o.objid and i.objsubid = o.subid
cross join lateral (
    select
        case r.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(r.grantee)) end as grantee,
        jsonb_object_agg('by ' || pg_get_userbyid(r.grantor), r.privileges) as definition
    from (
        select
            x.grantee,
            x.grantor,
            string_agg(
                x.privilege_type || case when x.is_grantable then ' with grant option' else '' end,
                ', '
                order by x.privilege_type collate "C"
            ) as privileges
        from aclexplode(coalesce(o.acl, o.default_acl)) x
        group by x.grantee, x.grantor
    ) r
    group by r.grantee
) held
where (e.objid is null and not o.came_with_server)
    or o.acl is distinct from i.initprivs
