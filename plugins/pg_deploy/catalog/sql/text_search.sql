-- Configurations with their mappings, dictionaries with their options, parsers and templates.
select
    o.kind,
    null as identity,
    array[quote_ident(o.schema), quote_ident(o.name)] as parts,
    'database' as scope,
    o.definition
from (
    select
        'text search configuration' as kind,
        c.cfgname as name,
        s.nspname as schema,
        'pg_catalog.pg_ts_config'::regclass as classid,
        c.oid,
        jsonb_build_object(
            'owner', pg_get_userbyid(c.cfgowner),
            'parser', p.prsname,
            'mappings', (
                select jsonb_object_agg(m.maptokentype::text, m.dictionaries)
                from (
                    select
                        m.maptokentype,
                        string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno) as dictionaries
                    from pg_catalog.pg_ts_config_map m
                    where m.mapcfg = c.oid
                    group by m.maptokentype
                ) m
            )
        ) as definition
    from pg_catalog.pg_ts_config c
    join included_schema s on s.oid = c.cfgnamespace
    join pg_catalog.pg_ts_parser p on p.oid = c.cfgparser
    union all
    select
        'text search dictionary',
        d.dictname,
        s.nspname,
        'pg_catalog.pg_ts_dict'::regclass,
        d.oid,
        jsonb_build_object(
            'owner', pg_get_userbyid(d.dictowner),
            'template', t.tmplname,
            'options', d.dictinitoption
        )
    from pg_catalog.pg_ts_dict d
    join included_schema s on s.oid = d.dictnamespace
    join pg_catalog.pg_ts_template t on t.oid = d.dicttemplate
    union all
    select
        'text search parser',
        p.prsname,
        s.nspname,
        'pg_catalog.pg_ts_parser'::regclass,
        p.oid,
        jsonb_build_object('start', p.prsstart::text, 'token', p.prstoken::text, 'end', p.prsend::text)
    from pg_catalog.pg_ts_parser p
    join included_schema s on s.oid = p.prsnamespace
    union all
    select
        'text search template',
        t.tmplname,
        s.nspname,
        'pg_catalog.pg_ts_template'::regclass,
        t.oid,
        jsonb_build_object('init', nullif(t.tmplinit::text, '-'), 'lexize', t.tmpllexize::text)
    from pg_catalog.pg_ts_template t
    join included_schema s on s.oid = t.tmplnamespace
) o
where (o.classid, o.oid) not in (select e.classid, e.objid from extension_member e)
