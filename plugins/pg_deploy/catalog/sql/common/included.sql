-- What every file beside this folder may refer to: the schemas that count, what belongs to an extension, and how the server
-- names what a comment or a security label is on.
-- Names beginning with pg_ are reserved for the server: pg_catalog, pg_toast, pg_temp_3, pg_toast_temp_3.
with included_schema as materialized (
    select n.oid, n.nspname, n.nspowner, n.nspacl
    from pg_catalog.pg_namespace n
    where not starts_with(n.nspname::text, 'pg_')
        and n.nspname::text <> all (current_setting('deploy_catalog.ignored_schemas')::text[])
),
extension_member as materialized (
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    where d.deptype = 'e'
        and d.refclassid = 'pg_catalog.pg_extension'::regclass
),
-- Read by pg_identify_object, because pg_describe_object speaks the server's language. Objects that the server came with have no
-- comment of ours, except for the schema public.
described_object as materialized (
    select
        d.classoid,
        d.objoid,
        d.objsubid,
        case when d.classoid = 'pg_catalog.pg_database'::regclass then 'this database'
            else o.type || ' ' || o.identity end as identity,
        case
            when o.type = 'database' then array['database', 'this database']
            when o.type = 'role' then array[o.type] || a.object_names
            when o.type in ('function', 'procedure', 'aggregate', 'operator') then
                array[o.type, quote_ident(a.object_names[1]), called.name]
                    || left(substr(o.identity, length(quote_ident(a.object_names[1]) || called.name) + 3), -1)
            when o.type in ('operator class', 'operator family') then
                array[o.type, quote_ident(a.object_names[2]), quote_ident(a.object_names[3]), quote_ident(a.object_names[1])]
            when o.type = 'cast' then array[o.type, a.object_names[1], a.object_args[1]]
            when o.type = 'transform' then array[o.type, a.object_names[1], quote_ident(a.object_args[1])]
            when o.type in ('type', 'domain constraint') then (
                select array_remove(array[o.type, quote_ident(n.nspname), quote_ident(t.typname), quote_ident(a.object_args[1])], null)
                from pg_catalog.pg_type t
                join pg_catalog.pg_namespace n on n.oid = t.typnamespace
                where t.oid = case when o.type = 'type' then d.objoid
                    else (select k.contypid from pg_catalog.pg_constraint k where k.oid = d.objoid) end
            )
            else array_remove(
                array[o.type, quote_ident(a.object_names[1]), quote_ident(a.object_names[2]), quote_ident(a.object_names[3])], null
            )
        end as parts,
        case when o.type in ('schema', 'trigger', 'policy', 'rule', 'table constraint') then a.object_names[1]
            else o.schema end as schema
    from (
        select d.classoid, d.objoid, d.objsubid
        from pg_catalog.pg_description d
        where d.objoid >= 16384 or d.classoid = 'pg_catalog.pg_namespace'::regclass
        union
        select d.classoid, d.objoid, d.objsubid
        from pg_catalog.pg_seclabel d
        where d.objoid >= 16384 or d.classoid = 'pg_catalog.pg_namespace'::regclass
        union
        select d.classoid, d.objoid, 0
        from pg_catalog.pg_shdescription d
        where d.objoid >= 16384
        union
        select d.classoid, d.objoid, 0
        from pg_catalog.pg_shseclabel d
        where d.objoid >= 16384
    ) d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
    cross join lateral pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) a
    cross join lateral (
        select case o.type when 'operator' then a.object_names[2] else quote_ident(a.object_names[2]) end as name
    ) called
    where d.classoid <> 'pg_catalog.pg_largeobject'::regclass
        -- the server keeps the comment of a dropped subscription
        and o.identity is not null
        and (d.classoid, d.objoid) not in (select e.classid, e.objid from extension_member e)
)
