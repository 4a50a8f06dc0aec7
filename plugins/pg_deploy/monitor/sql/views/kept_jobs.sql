-- The jobs of pg_cron that the last deployment left in place and that refresh views.
select f.identity as name, f.definition::jsonb ->> 'command' as command
from (
    select s.fact_hashes
    from deploy_ledger.snapshot s
    where s.moment = 'deployed'
        and s.location = 'target'
    order by s.id desc
    limit 1
) kept
join deploy_ledger.catalog_fact f on f.hash = any (kept.fact_hashes)
where f.kind = 'cron job'
    and f.definition::jsonb ->> 'database' = 'this database'
    and f.definition::jsonb ->> 'command' ~* 'refresh\s+materialized\s+view'
