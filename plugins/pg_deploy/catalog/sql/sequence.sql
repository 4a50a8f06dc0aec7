-- The definition of a sequence, without the value that it has reached.
select
    'sequence' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(c.relowner),
        'persistence', case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end,
        'type', format_type(q.seqtypid, null),
        'start', q.seqstart,
        'increment', q.seqincrement,
        'minimum', q.seqmin,
        'maximum', q.seqmax,
        'cache', q.seqcache,
        'cycle', q.seqcycle,
        'owned by', (
            select format('%I.%I.%I', n.nspname, r.relname, a.attname)
                || case d.deptype when 'i' then ' (identity)' else '' end
            from pg_catalog.pg_depend d
            join pg_catalog.pg_class r on r.oid = d.refobjid
            join pg_catalog.pg_namespace n on n.oid = r.relnamespace
            join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where d.classid = 'pg_catalog.pg_class'::regclass
                and d.objid = c.oid
                and d.objsubid = 0
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.refobjsubid > 0
                and d.deptype in ('a', 'i')
            limit 1
        )
    ) as definition
from pg_catalog.pg_sequence q
join pg_catalog.pg_class c on c.oid = q.seqrelid
join included_schema s on s.oid = c.relnamespace
where ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
