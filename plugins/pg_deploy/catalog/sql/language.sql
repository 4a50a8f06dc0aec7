-- Procedural languages, access methods and transforms that did not come with the server or an extension.
select
    o.kind,
    o.identity,
    o.parts,
    'database' as scope,
    o.definition
from (
    select
        'language' as kind,
        'pg_catalog.pg_language'::regclass as classid,
        l.oid,
        null as identity,
        array[quote_ident(l.lanname)] as parts,
        jsonb_build_object(
            'owner', pg_get_userbyid(l.lanowner),
            'trusted', l.lanpltrusted,
            'handler', nullif(l.lanplcallfoid::regproc::text, '-')
        ) as definition
    from pg_catalog.pg_language l
    union all
    select
        'access method',
        'pg_catalog.pg_am'::regclass,
        m.oid,
        null,
        array[quote_ident(m.amname)],
        jsonb_build_object('handler', m.amhandler::text, 'type', m.amtype)
    from pg_catalog.pg_am m
    union all
    select
        'transform',
        'pg_catalog.pg_transform'::regclass,
        t.oid,
        format('%s for %I', format_type(t.trftype, null), l.lanname),
        array[format_type(t.trftype, null), quote_ident(l.lanname)],
        jsonb_build_object(
            'from sql', nullif(t.trffromsql::text, '-'),
            'to sql', nullif(t.trftosql::text, '-')
        )
    from pg_catalog.pg_transform t
    join pg_catalog.pg_language l on l.oid = t.trflang
) o
where o.oid >= 16384
    and (o.classid, o.oid) not in (select e.classid, e.objid from extension_member e)
