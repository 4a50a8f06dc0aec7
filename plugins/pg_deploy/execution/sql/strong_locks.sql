-- Whether the backend holds or awaits a strong lock (SHARE or stronger) on a relation that existed before it began. This
-- session sees committed relations only, so a relation made by the watched transaction is not in its pg_class.
select exists (
    select
    from pg_catalog.pg_locks as l
    join pg_catalog.pg_class as c on c.oid = l.relation
    where l.pid = %(pid)s
        and l.locktype = 'relation'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
        and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
)
