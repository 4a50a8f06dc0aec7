-- Pairs of schemas: an object of the first depends on an object of the second. The first is null if the dependent object lives
-- in no schema: a cast, a language, a foreign-data wrapper, an event trigger, what a publication holds. A dump has all of
-- those, whatever schemas it leaves out. Members of extensions are left out, because an extension is made as a whole.
with member as materialized (
    select
        d.classid,
        d.objid
    from pg_catalog.pg_depend d
    where d.deptype = 'e'
),
place as materialized (
    select 'pg_catalog.pg_namespace'::regclass as classid, n.oid as objid, n.oid as schema
    from pg_catalog.pg_namespace n
    union all
    select 'pg_catalog.pg_class'::regclass, c.oid, c.relnamespace
    from pg_catalog.pg_class c
    union all
    select 'pg_catalog.pg_type'::regclass, t.oid, t.typnamespace
    from pg_catalog.pg_type t
    union all
    select 'pg_catalog.pg_proc'::regclass, p.oid, p.pronamespace
    from pg_catalog.pg_proc p
    union all
    select 'pg_catalog.pg_operator'::regclass, o.oid, o.oprnamespace
    from pg_catalog.pg_operator o
    union all
    select 'pg_catalog.pg_opclass'::regclass, o.oid, o.opcnamespace
    from pg_catalog.pg_opclass o
    union all
    select 'pg_catalog.pg_opfamily'::regclass, f.oid, f.opfnamespace
    from pg_catalog.pg_opfamily f
    union all
    select 'pg_catalog.pg_amop'::regclass, o.oid, f.opfnamespace
    from pg_catalog.pg_amop o
    join pg_catalog.pg_opfamily f on f.oid = o.amopfamily
    union all
    select 'pg_catalog.pg_amproc'::regclass, p.oid, f.opfnamespace
    from pg_catalog.pg_amproc p
    join pg_catalog.pg_opfamily f on f.oid = p.amprocfamily
    union all
    select 'pg_catalog.pg_collation'::regclass, c.oid, c.collnamespace
    from pg_catalog.pg_collation c
    union all
    select 'pg_catalog.pg_conversion'::regclass, c.oid, c.connamespace
    from pg_catalog.pg_conversion c
    union all
    select 'pg_catalog.pg_constraint'::regclass, k.oid, k.connamespace
    from pg_catalog.pg_constraint k
    union all
    select 'pg_catalog.pg_statistic_ext'::regclass, s.oid, s.stxnamespace
    from pg_catalog.pg_statistic_ext s
    union all
    select 'pg_catalog.pg_ts_config'::regclass, c.oid, c.cfgnamespace
    from pg_catalog.pg_ts_config c
    union all
    select 'pg_catalog.pg_ts_dict'::regclass, d.oid, d.dictnamespace
    from pg_catalog.pg_ts_dict d
    union all
    select 'pg_catalog.pg_ts_parser'::regclass, p.oid, p.prsnamespace
    from pg_catalog.pg_ts_parser p
    union all
    select 'pg_catalog.pg_ts_template'::regclass, t.oid, t.tmplnamespace
    from pg_catalog.pg_ts_template t
    union all
    select part.classid, part.objid, c.relnamespace
    from (
        select 'pg_catalog.pg_attrdef'::regclass as classid, d.oid as objid, d.adrelid as relation
        from pg_catalog.pg_attrdef d
        union all
        select 'pg_catalog.pg_rewrite'::regclass, r.oid, r.ev_class
        from pg_catalog.pg_rewrite r
        union all
        select 'pg_catalog.pg_trigger'::regclass, g.oid, g.tgrelid
        from pg_catalog.pg_trigger g
        union all
        select 'pg_catalog.pg_policy'::regclass, p.oid, p.polrelid
        from pg_catalog.pg_policy p
    ) part
    join pg_catalog.pg_class c on c.oid = part.relation
),
dependency as (
    select
        a.schema as dependent,
        b.schema as referenced
    from pg_catalog.pg_depend d
    left join place a on a.classid = d.classid and a.objid = d.objid
    join place b on b.classid = d.refclassid and b.objid = d.refobjid
    where d.deptype <> 'e'
        and d.objid >= 16384
        and d.refobjid >= 16384
        and (
            a.schema is not null
            or d.classid in (
                'pg_catalog.pg_cast'::regclass,
                'pg_catalog.pg_transform'::regclass,
                'pg_catalog.pg_language'::regclass,
                'pg_catalog.pg_am'::regclass,
                'pg_catalog.pg_foreign_data_wrapper'::regclass,
                'pg_catalog.pg_event_trigger'::regclass,
                'pg_catalog.pg_publication_rel'::regclass,
                -- from version 15 on
                pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')
            )
            -- that of a range to its multirange comes and goes with the range
            and not exists (
                select
                from pg_catalog.pg_depend own
                where own.classid = d.classid
                    and own.objid = d.objid
                    and own.deptype = 'i'
            )
        )
        and not exists (select from member m where m.classid = d.classid and m.objid = d.objid)
        and not exists (select from member m where m.classid = d.refclassid and m.objid = d.refobjid)
)
select distinct
    dependent.nspname::text as dependent,
    referenced.nspname::text as referenced
from dependency d
left join pg_catalog.pg_namespace dependent on dependent.oid = d.dependent
join pg_catalog.pg_namespace referenced on referenced.oid = d.referenced
where dependent.nspname is distinct from referenced.nspname
