-- What one deployment brought and left: the indexes and materialized views of its last snapshot that its first lacked.
with first as (
    select s.fact_hashes
    from deploy_ledger.snapshot s
    where s.deployment_id = %(deployment)s
        and s.location = 'target'
        and s.moment = 'before'
    order by s.id
    limit 1
), last as (
    select s.fact_hashes
    from deploy_ledger.snapshot s
    where s.deployment_id = %(deployment)s
        and s.location = 'target'
        and s.moment = 'after'
    order by s.id desc
    limit 1
)
select
    f.kind,
    f.identity,
    i.idx_scan as scans,
    x.indisvalid as valid
from last l
join deploy_ledger.catalog_fact f on f.hash = any (l.fact_hashes)
left join pg_catalog.pg_stat_all_indexes i on f.kind = 'index' and i.indexrelid = to_regclass(f.identity)
left join pg_catalog.pg_index x on x.indexrelid = i.indexrelid
where f.kind in ('index', 'materialized view')
    and not exists (
        select
        from first e
        join deploy_ledger.catalog_fact b on b.hash = any (e.fact_hashes)
        where b.kind = f.kind
            and b.identity = f.identity
    )
order by f.kind, f.identity
