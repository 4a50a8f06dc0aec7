-- The invalid copies that an interrupted REINDEX CONCURRENTLY left: of one index or of one table's (by oid), or of all. A copy has
-- the index's name, cut if it is too long, and stands on its table. While somebody is still at work on it, it is locked.
select n.nspname, c.relname
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') as o (name)
left join (
    select x.indrelid, xc.relname
    from pg_catalog.pg_index as x
    join pg_catalog.pg_class as xc on xc.oid = x.indexrelid
    where x.indexrelid = %(relation)s::pg_catalog.oid
) as one on one.indrelid = i.indrelid
where not i.indisvalid
    and o.name <> c.relname
    and (
        %(relation)s::pg_catalog.oid is null
        or i.indrelid = %(relation)s::pg_catalog.oid
        or o.name = one.relname
        or (pg_catalog.length(o.name) >= 50 and pg_catalog.starts_with(one.relname::text, o.name))
    )
    and not exists (
        select
        from pg_catalog.pg_locks as l
        where l.locktype = 'relation'
            and l.relation = i.indexrelid
            and l.mode = 'ShareUpdateExclusiveLock'
            and l.granted
    )
