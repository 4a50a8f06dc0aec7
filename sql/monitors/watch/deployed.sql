-- What one deployment brought and left: the indexes and materialized views of its last snapshot that its first lacked.
with edge as (
    select
        (array_agg(s.fact_hashes order by s.id) filter (where s.moment = 'before'))[1] as before,
        (array_agg(s.fact_hashes order by s.id desc) filter (where s.moment = 'after'))[1] as after
    from deploy_ledger.snapshot s
    where s.deployment_id = %(deployment)s
        and s.location = 'target'
)
select
    f.kind,
    f.identity,
    i.idx_scan as scans,
    x.indisvalid as valid
from edge e
join deploy_ledger.catalog_fact f on f.hash = any (e.after)
left join pg_catalog.pg_stat_all_indexes i on f.kind = 'index' and i.indexrelid = to_regclass(f.identity)
left join pg_catalog.pg_index x on x.indexrelid = i.indexrelid
where f.kind in ('index', 'materialized view')
    and not exists (
        select
        from deploy_ledger.catalog_fact b
        where b.hash = any (e.before)
            and b.kind = f.kind
            and b.identity = f.identity
    )
order by f.kind, f.identity
