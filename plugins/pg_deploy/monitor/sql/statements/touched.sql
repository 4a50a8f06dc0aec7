-- The relations that a deployment changed, or of which it made or dropped a part, and the views that read them at any depth.
with recursive snapshot as (
    select s.fact_hashes, s.moment, s.id
    from deploy_ledger.snapshot s
    where s.deployment_id = %(deployment)s
        and s.location = 'target'
        and s.moment in ('before', 'after')
), first as (
    select s.fact_hashes from snapshot s where s.moment = 'before' order by s.id limit 1
), last as (
    select s.fact_hashes from snapshot s where s.moment = 'after' order by s.id desc limit 1
), changed as materialized (
    (select unnest(f.fact_hashes) as hash from first f except select unnest(l.fact_hashes) from last l)
    union
    (select unnest(l.fact_hashes) from last l except select unnest(f.fact_hashes) from first f)
), fact as (
    select f.kind, coalesce(
        (regexp_match(f.definition::jsonb ->> 'definition', '^CREATE .*? ON (?:ONLY )?(.*?) USING '))[1],
        f.identity
    ) as named
    from changed
    join deploy_ledger.catalog_fact f using (hash)
    where f.scope = 'database'
), relation as (
    select c.oid, format('%%s.%%s', n.nspname, c.relname) as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and n.nspname not like 'pg\_%%'
        and exists (
            select
            from fact f
            where replace(f.named, '"', '') = format('%%s.%%s', n.nspname, c.relname)
                or starts_with(replace(f.named, '"', ''), format('%%s.%%s.', n.nspname, c.relname))
        )
), reached as (
    select r.oid, r.name
    from relation r
    union
    select c.oid, format('%%s.%%s', n.nspname, c.relname)
    from reached r
    join pg_catalog.pg_depend d on d.refobjid = r.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
    join pg_catalog.pg_rewrite w on w.oid = d.objid
    join pg_catalog.pg_class c on c.oid = w.ev_class
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)
select distinct name from reached
