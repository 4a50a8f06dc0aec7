-- Indexes, views and tables that the last deployment left in place and that are gone. Partitions do not count, because they come
-- and go by themselves, nor does an index whose table is gone too.
with kept as (
    select s.deployment_id, s.fact_hashes
    from deploy_ledger.snapshot s
    where s.moment = 'deployed'
        and s.location = 'target'
        and not exists (select from deploy_ledger.deployment d where d.ended_at is null)
    order by s.id desc
    limit 1
), fact as materialized (
    select
        k.deployment_id,
        f.kind,
        f.identity,
        (regexp_match(f.definition::jsonb ->> 'definition', '^CREATE .*? ON (?:ONLY )?(.*?) USING '))[1] as indexed
    from kept k
    join deploy_ledger.catalog_fact f on f.hash = any (k.fact_hashes)
    where f.scope = 'database'
        and (
            f.kind in ('index', 'view', 'materialized view')
            or (f.kind = 'table' and f.definition::jsonb ->> 'partition bound' is null)
        )
)
select
    format('%s %s', f.kind, f.identity) as object,
    1 as value,
    'gone' as unit,
    jsonb_build_object(
        'table', case f.kind when 'index' then f.indexed end,
        'cause', format(
            'deployment %s left it in place%s, and it was dropped by hand since',
            f.deployment_id,
            coalesce(' on ' || case f.kind when 'index' then f.indexed end, '')
        )
    ) as detail
from fact f
where to_regclass(f.identity) is null
    and (f.kind <> 'index' or to_regclass(f.indexed) is not null)
order by 1
