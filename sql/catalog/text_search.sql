-- Configurations with their mappings, dictionaries with their options, parsers and templates.
select
    o.kind,
    format('%I.%I', s.nspname, o.name) as identity,
    'database' as scope,
    o.definition
from (
    select
        'text search configuration' as kind,
        c.cfgname as name,
        c.cfgnamespace as namespace,
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
    join pg_catalog.pg_ts_parser p on p.oid = c.cfgparser
    union all
    select
        'text search dictionary',
        d.dictname,
        d.dictnamespace,
        'pg_catalog.pg_ts_dict'::regclass,
        d.oid,
        jsonb_build_object(
            'owner', pg_get_userbyid(d.dictowner),
            'template', t.tmplname,
            'options', d.dictinitoption
        )
    from pg_catalog.pg_ts_dict d
    join pg_catalog.pg_ts_template t on t.oid = d.dicttemplate
    union all
    select
        'text search parser',
        p.prsname,
        p.prsnamespace,
        'pg_catalog.pg_ts_parser'::regclass,
        p.oid,
        jsonb_build_object('start', p.prsstart::text, 'token', p.prstoken::text, 'end', p.prsend::text)
    from pg_catalog.pg_ts_parser p
    union all
    select
        'text search template',
        t.tmplname,
        t.tmplnamespace,
        'pg_catalog.pg_ts_template'::regclass,
        t.oid,
        jsonb_build_object('init', nullif(t.tmplinit::text, '-'), 'lexize', t.tmpllexize::text)
    from pg_catalog.pg_ts_template t
) o
join included_schema s on s.oid = o.namespace
where not exists (
    select
    from extension_member e
    where e.classid = o.classid
      and e.objid = o.oid
)
