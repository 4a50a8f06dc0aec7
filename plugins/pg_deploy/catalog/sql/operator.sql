-- Operators, operator classes and operator families. Each part is cut to the schemas that count before its definition is made.
select
    o.kind,
    o.identity,
    o.parts,
    'database' as scope,
    o.definition
from (
    select
        'operator' as kind,
        'pg_catalog.pg_operator'::regclass as classid,
        p.oid,
        called.identity,
        array[
            quote_ident(s.nspname),
            p.oprname,
            left(substr(called.identity, length(quote_ident(s.nspname) || p.oprname) + 3), -1)
        ] as parts,
        jsonb_build_object(
            'owner', pg_get_userbyid(p.oprowner),
            'result', format_type(p.oprresult, null),
            'function', nullif(p.oprcode::text, '-'),
            'commutator', case when p.oprcom <> 0 then p.oprcom::regoperator::text end,
            'negator', case when p.oprnegate <> 0 then p.oprnegate::regoperator::text end,
            'restrict', nullif(p.oprrest::text, '-'),
            'join', nullif(p.oprjoin::text, '-'),
            'merges', p.oprcanmerge,
            'hashes', p.oprcanhash
        ) as definition
    from pg_catalog.pg_operator p
    join included_schema s on s.oid = p.oprnamespace
    cross join lateral (select p.oid::regoperator::text as identity offset 0) called
    union all
    select
        'operator class',
        'pg_catalog.pg_opclass'::regclass,
        c.oid,
        format('%I.%I using %I', n.nspname, c.opcname, m.amname),
        array[quote_ident(n.nspname), quote_ident(c.opcname), quote_ident(m.amname)],
        jsonb_build_object(
            'owner', pg_get_userbyid(c.opcowner),
            'for type', format_type(c.opcintype, null),
            'default', c.opcdefault,
            'storage', case when c.opckeytype <> 0 then format_type(c.opckeytype, null) end
        )
    from pg_catalog.pg_opclass c
    join included_schema n on n.oid = c.opcnamespace
    join pg_catalog.pg_am m on m.oid = c.opcmethod
    where c.oid >= 16384
    union all
    select
        'operator family',
        'pg_catalog.pg_opfamily'::regclass,
        f.oid,
        format('%I.%I using %I', n.nspname, f.opfname, m.amname),
        array[quote_ident(n.nspname), quote_ident(f.opfname), quote_ident(m.amname)],
        jsonb_build_object(
            'owner', pg_get_userbyid(f.opfowner),
            'operators', (
                select jsonb_agg(format('%s %s', a.amopstrategy, a.amopopr::regoperator)
                    order by a.amopstrategy, a.amopopr::regoperator::text collate "C")
                from pg_catalog.pg_amop a
                where a.amopfamily = f.oid
            ),
            'functions', (
                select jsonb_agg(format('%s %s', a.amprocnum, a.amproc::regprocedure)
                    order by a.amprocnum, a.amproc::regprocedure::text collate "C")
                from pg_catalog.pg_amproc a
                where a.amprocfamily = f.oid
            )
        )
    from pg_catalog.pg_opfamily f
    join included_schema n on n.oid = f.opfnamespace
    join pg_catalog.pg_am m on m.oid = f.opfmethod
    where f.oid >= 16384
) o
where (o.classid, o.oid) not in (select e.classid, e.objid from extension_member e)
