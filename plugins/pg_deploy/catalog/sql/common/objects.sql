-- The object behind each fact: its address (class, oid, attribute), with the fact's kind and identity.
select o.kind, o.identity, o.classid::bigint, o.objid::bigint, o.objsubid::int
from (
    select
        case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
            when 'S' then 'sequence' when 'i' then 'index' when 'I' then 'index' else 'table' end as kind,
        format('%I.%I', s.nspname, c.relname) as identity,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        0 as objsubid
    from pg_catalog.pg_class c
    join included_schema s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I')
    union all
    select
        'column',
        format('%I.%I.%I', s.nspname, c.relname, a.attname),
        'pg_catalog.pg_class'::regclass,
        c.oid,
        a.attnum
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join included_schema s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
        and a.attnum > 0
        and not a.attisdropped
    union all
    select
        'constraint',
        format('%I.%I.%I', s.nspname, coalesce(c.relname, t.typname), k.conname),
        'pg_catalog.pg_constraint'::regclass,
        k.oid,
        0
    from pg_catalog.pg_constraint k
    join included_schema s on s.oid = k.connamespace
    left join pg_catalog.pg_class c on c.oid = k.conrelid
    left join pg_catalog.pg_type t on t.oid = k.contypid
    where (k.conrelid <> 0 or k.contypid <> 0)
        and k.contype not in ('t', 'n')
    union all
    select p.kind, format('%I.%I.%I', s.nspname, c.relname, p.name), p.classid, p.oid, 0
    from (
        select 'trigger' as kind, g.tgname as name, g.tgrelid as relation, 'pg_catalog.pg_trigger'::regclass as classid, g.oid
        from pg_catalog.pg_trigger g
        where not g.tgisinternal
        union all
        select 'policy', p.polname, p.polrelid, 'pg_catalog.pg_policy'::regclass, p.oid
        from pg_catalog.pg_policy p
        union all
        select 'rule', r.rulename, r.ev_class, 'pg_catalog.pg_rewrite'::regclass, r.oid
        from pg_catalog.pg_rewrite r
        where r.rulename <> '_RETURN'
    ) p
    join pg_catalog.pg_class c on c.oid = p.relation
    join included_schema s on s.oid = c.relnamespace
    union all
    select
        case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
        p.oid::regprocedure::text,
        'pg_catalog.pg_proc'::regclass,
        p.oid,
        0
    from pg_catalog.pg_proc p
    join included_schema s on s.oid = p.pronamespace
    union all
    select 'type', format('%I.%I', s.nspname, t.typname), 'pg_catalog.pg_type'::regclass, t.oid, 0
    from pg_catalog.pg_type t
    join included_schema s on s.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typtype <> 'm'
        and (t.typtype <> 'c' or c.relkind = 'c')
        and t.oid not in (select element.typarray from pg_catalog.pg_type element)
    union all
    select 'schema', format('%I', s.nspname), 'pg_catalog.pg_namespace'::regclass, s.oid, 0
    from included_schema s
    union all
    select 'operator', p.oid::regoperator::text, 'pg_catalog.pg_operator'::regclass, p.oid, 0
    from pg_catalog.pg_operator p
    join included_schema s on s.oid = p.oprnamespace
    union all
    select
        'operator class',
        format('%I.%I using %I', s.nspname, c.opcname, m.amname),
        'pg_catalog.pg_opclass'::regclass,
        c.oid,
        0
    from pg_catalog.pg_opclass c
    join included_schema s on s.oid = c.opcnamespace
    join pg_catalog.pg_am m on m.oid = c.opcmethod
    union all
    select
        'operator family',
        format('%I.%I using %I', s.nspname, f.opfname, m.amname),
        'pg_catalog.pg_opfamily'::regclass,
        f.oid,
        0
    from pg_catalog.pg_opfamily f
    join included_schema s on s.oid = f.opfnamespace
    join pg_catalog.pg_am m on m.oid = f.opfmethod
    union all
    select n.kind, format('%I.%I', s.nspname, n.name), n.classid, n.oid, 0
    from (
        select 'collation' as kind, k.collname as name, k.collnamespace as schema, 'pg_catalog.pg_collation'::regclass as classid, k.oid
        from pg_catalog.pg_collation k
        union all
        select 'conversion', c.conname, c.connamespace, 'pg_catalog.pg_conversion'::regclass, c.oid
        from pg_catalog.pg_conversion c
        union all
        select 'statistics', x.stxname, x.stxnamespace, 'pg_catalog.pg_statistic_ext'::regclass, x.oid
        from pg_catalog.pg_statistic_ext x
        union all
        select 'text search configuration', c.cfgname, c.cfgnamespace, 'pg_catalog.pg_ts_config'::regclass, c.oid
        from pg_catalog.pg_ts_config c
        union all
        select 'text search dictionary', d.dictname, d.dictnamespace, 'pg_catalog.pg_ts_dict'::regclass, d.oid
        from pg_catalog.pg_ts_dict d
        union all
        select 'text search parser', p.prsname, p.prsnamespace, 'pg_catalog.pg_ts_parser'::regclass, p.oid
        from pg_catalog.pg_ts_parser p
        union all
        select 'text search template', t.tmplname, t.tmplnamespace, 'pg_catalog.pg_ts_template'::regclass, t.oid
        from pg_catalog.pg_ts_template t
    ) n
    join included_schema s on s.oid = n.schema
    union all
    select
        'cast',
        format_type(k.castsource, null) || ' as ' || format_type(k.casttarget, null),
        'pg_catalog.pg_cast'::regclass,
        k.oid,
        0
    from pg_catalog.pg_cast k
    where k.oid >= 16384
    union all
    select 'language', format('%I', l.lanname), 'pg_catalog.pg_language'::regclass, l.oid, 0
    from pg_catalog.pg_language l
    where l.oid >= 16384
    union all
    select 'access method', format('%I', m.amname), 'pg_catalog.pg_am'::regclass, m.oid, 0
    from pg_catalog.pg_am m
    where m.oid >= 16384
    union all
    select 'extension', format('%I', x.extname), 'pg_catalog.pg_extension'::regclass, x.oid, 0
    from pg_catalog.pg_extension x
    union all
    select 'foreign data wrapper', format('%I', w.fdwname), 'pg_catalog.pg_foreign_data_wrapper'::regclass, w.oid, 0
    from pg_catalog.pg_foreign_data_wrapper w
    union all
    select 'server', format('%I', v.srvname), 'pg_catalog.pg_foreign_server'::regclass, v.oid, 0
    from pg_catalog.pg_foreign_server v
    union all
    select 'event trigger', format('%I', g.evtname), 'pg_catalog.pg_event_trigger'::regclass, g.oid, 0
    from pg_catalog.pg_event_trigger g
    union all
    select 'publication', format('%I', p.pubname), 'pg_catalog.pg_publication'::regclass, p.oid, 0
    from pg_catalog.pg_publication p
) o
