-- Which object stands behind each fact: its address (class, oid, attribute) under the fact's own kind and identity.
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
    select
        'trigger',
        format('%I.%I.%I', s.nspname, c.relname, g.tgname),
        'pg_catalog.pg_trigger'::regclass,
        g.oid,
        0
    from pg_catalog.pg_trigger g
    join pg_catalog.pg_class c on c.oid = g.tgrelid
    join included_schema s on s.oid = c.relnamespace
    where not g.tgisinternal
    union all
    select
        'policy',
        format('%I.%I.%I', s.nspname, c.relname, p.polname),
        'pg_catalog.pg_policy'::regclass,
        p.oid,
        0
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    join included_schema s on s.oid = c.relnamespace
    union all
    select
        'rule',
        format('%I.%I.%I', s.nspname, c.relname, r.rulename),
        'pg_catalog.pg_rewrite'::regclass,
        r.oid,
        0
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class c on c.oid = r.ev_class
    join included_schema s on s.oid = c.relnamespace
    where r.rulename <> '_RETURN'
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
    select 'collation', format('%I.%I', s.nspname, k.collname), 'pg_catalog.pg_collation'::regclass, k.oid, 0
    from pg_catalog.pg_collation k
    join included_schema s on s.oid = k.collnamespace
    union all
    select 'conversion', format('%I.%I', s.nspname, c.conname), 'pg_catalog.pg_conversion'::regclass, c.oid, 0
    from pg_catalog.pg_conversion c
    join included_schema s on s.oid = c.connamespace
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
    select 'statistics', format('%I.%I', s.nspname, x.stxname), 'pg_catalog.pg_statistic_ext'::regclass, x.oid, 0
    from pg_catalog.pg_statistic_ext x
    join included_schema s on s.oid = x.stxnamespace
    union all
    select
        'text search configuration',
        format('%I.%I', s.nspname, c.cfgname),
        'pg_catalog.pg_ts_config'::regclass,
        c.oid,
        0
    from pg_catalog.pg_ts_config c
    join included_schema s on s.oid = c.cfgnamespace
    union all
    select 'text search dictionary', format('%I.%I', s.nspname, d.dictname), 'pg_catalog.pg_ts_dict'::regclass, d.oid, 0
    from pg_catalog.pg_ts_dict d
    join included_schema s on s.oid = d.dictnamespace
    union all
    select 'text search parser', format('%I.%I', s.nspname, p.prsname), 'pg_catalog.pg_ts_parser'::regclass, p.oid, 0
    from pg_catalog.pg_ts_parser p
    join included_schema s on s.oid = p.prsnamespace
    union all
    select 'text search template', format('%I.%I', s.nspname, t.tmplname), 'pg_catalog.pg_ts_template'::regclass, t.oid, 0
    from pg_catalog.pg_ts_template t
    join included_schema s on s.oid = t.tmplnamespace
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
