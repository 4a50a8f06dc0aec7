-- The position counts live columns only: a column added and dropped again leaves a gap in attnum and no trace here.
-- NOT NULL is a fact of its column: from version 18 on it is a constraint too, and the column's fact holds its name and options.
select
    'column' as kind,
    null as identity,
    array[quote_ident(a.nspname), quote_ident(a.relname), quote_ident(a.attname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'position', a.position,
        'type', format_type(a.atttypid, a.atttypmod),
        'collation', case when a.attcollation <> t.typcollation then (
            select format('%I.%I', n.nspname, k.collname)
            from pg_catalog.pg_collation k
            join pg_catalog.pg_namespace n on n.oid = k.collnamespace
            where k.oid = a.attcollation
        ) end,
        'not null', a.attnotnull and coalesce(k.convalidated, true),
        'not null constraint', case when k.oid is not null then jsonb_strip_nulls(jsonb_build_object(
            'name', k.conname,
            'not valid', nullif(not k.convalidated, false),
            'no inherit', nullif(k.connoinherit, false),
            'inherited', case when k.coninhcount > 0 then case when k.conislocal then 'and local' else 'only' end end
        )) end,
        'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
        'generated', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
        'storage', case when a.attstorage <> t.typstorage then
            case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
        'compression', case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end,
        -- -1 before version 17 and null from then on: the server's default
        'statistics target', nullif(a.attstattarget, -1),
        'options', (select jsonb_agg(o order by o collate "C") from unnest(a.attoptions) o),
        'server options', (select jsonb_agg(o order by o collate "C") from unnest(a.attfdwoptions) o),
        'inherited', case when a.attinhcount > 0 then case when a.attislocal then 'and local' else 'only' end end
    )
    || case when d.oid is not null
        then jsonb_build_object('default', pg_get_expr(d.adbin, d.adrelid)) else '{}' end
        as definition
from (
    select
        s.nspname,
        c.relname,
        a.*,
        row_number() over (partition by a.attrelid order by a.attnum) as position
    from pg_catalog.pg_class c
    join included_schema s on s.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and a.attnum > 0
        and not a.attisdropped
        and ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
) a
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_catalog.pg_constraint k on k.conrelid = a.attrelid and k.contype = 'n' and k.conkey = array[a.attnum]
