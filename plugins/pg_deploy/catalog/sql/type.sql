-- Types, without the row types of tables and the array and multirange types that come with another type.
select
    'type' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(t.typname)] as parts,
    'database' as scope,
    jsonb_build_object('owner', pg_get_userbyid(t.typowner))
    || case t.typtype
    when 'e' then jsonb_build_object('enum', (
        select jsonb_agg(l.enumlabel order by l.enumsortorder)
        from pg_catalog.pg_enum l
        where l.enumtypid = t.oid
    ))
    when 'd' then jsonb_build_object(
        'domain over', format_type(t.typbasetype, t.typtypmod),
        'not null', t.typnotnull,
        'not null constraint', (
            select k.conname
            from pg_catalog.pg_constraint k
            where k.contypid = t.oid
                and k.contype = 'n'
        ),
        'default value', pg_get_expr(t.typdefaultbin, 0),
        'collation', (
            select format('%I.%I', n.nspname, k.collname)
            from pg_catalog.pg_collation k
            join pg_catalog.pg_namespace n on n.oid = k.collnamespace
            join pg_catalog.pg_type b on b.oid = t.typbasetype
            where k.oid = t.typcollation
                and k.oid <> b.typcollation
        )
    )
    when 'c' then jsonb_build_object('composite', (
        select jsonb_agg(
            format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                || case when a.attcollation <> b.typcollation
                    then format(' collate %I.%I', n.nspname, k.collname) else '' end
            order by a.attnum
        )
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_type b on b.oid = a.atttypid
        left join pg_catalog.pg_collation k on k.oid = a.attcollation
        left join pg_catalog.pg_namespace n on n.oid = k.collnamespace
        where a.attrelid = t.typrelid
            and a.attnum > 0
            and not a.attisdropped
    ))
    when 'r' then (
        select jsonb_build_object(
            'range over', format_type(r.rngsubtype, null),
            'multirange', format_type(r.rngmultitypid, null),
            'operator class', (
                select format('%I.%I', n.nspname, o.opcname)
                from pg_catalog.pg_opclass o
                join pg_catalog.pg_namespace n on n.oid = o.opcnamespace
                where o.oid = r.rngsubopc
            ),
            'collation', (
                select format('%I.%I', n.nspname, k.collname)
                from pg_catalog.pg_collation k
                join pg_catalog.pg_namespace n on n.oid = k.collnamespace
                where k.oid = r.rngcollation
            ),
            'canonical', nullif(r.rngcanonical::text, '-'),
            'subtype difference', nullif(r.rngsubdiff::text, '-')
        )
        from pg_catalog.pg_range r
        where r.rngtypid = t.oid
    )
    else jsonb_build_object(
        'shell', not t.typisdefined,
        'input', nullif(t.typinput::text, '-'),
        'output', nullif(t.typoutput::text, '-'),
        'receive', nullif(t.typreceive::text, '-'),
        'send', nullif(t.typsend::text, '-'),
        'modifier input', nullif(t.typmodin::text, '-'),
        'modifier output', nullif(t.typmodout::text, '-'),
        'analyze', nullif(t.typanalyze::text, '-'),
        'subscript', nullif(t.typsubscript::text, '-'),
        'length', t.typlen,
        'by value', t.typbyval,
        'alignment', t.typalign,
        'storage', t.typstorage,
        'category', t.typcategory,
        'preferred', t.typispreferred,
        'default value', t.typdefault
    ) end as definition
from pg_catalog.pg_type t
join included_schema s on s.oid = t.typnamespace
left join pg_catalog.pg_class c on c.oid = t.typrelid
where t.typtype <> 'm'
    and (t.typtype <> 'c' or c.relkind = 'c')
    and t.oid not in (select element.typarray from pg_catalog.pg_type element)
    and ('pg_catalog.pg_type'::regclass, t.oid) not in (select e.classid, e.objid from extension_member e)
