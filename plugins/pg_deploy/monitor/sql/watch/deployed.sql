-- The indexes and materialized views that one deployment made and left: those in its last snapshot that its first lacks.
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
), new as materialized (
    -- Only the hashes that the first snapshot lacks: a few of hundreds.
    select unnest(l.fact_hashes) as hash from last l
    except
    select unnest(e.fact_hashes) from first e
)
select
    f.kind,
    f.identity,
    i.idx_scan as scans,
    x.indisvalid as valid
from new
join deploy_ledger.catalog_fact f using (hash)
left join pg_catalog.pg_index x on f.kind = 'index' and x.indexrelid = to_regclass(f.identity)
left join pg_catalog.pg_stat_all_indexes i on i.indexrelid = x.indexrelid
where f.kind in ('index', 'materialized view')
order by f.kind, f.identity
