select
    'index' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'definition', pg_get_indexdef(i.indexrelid),
        'invalid', not i.indisvalid,
        'not ready', not i.indisready,
        'clustered', i.indisclustered,
        'replica identity', i.indisreplident,
        'tablespace', tablespace.spcname,
        'attached to', (
            select format('%I.%I', parent_schema.nspname, parent.relname)
            from pg_catalog.pg_inherits h
            join pg_catalog.pg_class parent on parent.oid = h.inhparent
            join pg_catalog.pg_namespace parent_schema on parent_schema.oid = parent.relnamespace
            where h.inhrelid = c.oid
        ),
        'statistics targets', (
            select jsonb_object_agg(a.attnum::text, a.attstattarget)
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid
                and a.attstattarget >= 0
                and not a.attisdropped
        )
    ) as definition
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join included_schema s on s.oid = c.relnamespace
left join pg_catalog.pg_tablespace tablespace on tablespace.oid = c.reltablespace
where ('pg_catalog.pg_class'::regclass, i.indrelid) not in (select e.classid, e.objid from extension_member e)
