-- Jobs of pg_cron that the last deployment left in place and that are gone. A job that refreshes a view is told with its view. If
-- this role sees only its own jobs, nothing is known about any; nor is it of a job without a name whose command is sealed in the
-- ledger, as it holds a secret: the server has no key. The drift of the next preflight tells of that one.
with kept as (
    select s.deployment_id, s.fact_hashes
    from deploy_ledger.snapshot s
    where s.moment = 'deployed'
        and s.location = 'target'
        and not exists (select from deploy_ledger.deployment d where d.ended_at is null)
    order by s.id desc
    limit 1
)
select
    coalesce(f.identity, '') as object,
    1 as value,
    'gone' as unit,
    jsonb_build_object(
        'cause', format('deployment %s left this job of pg_cron in place, and it was deleted by hand since', k.deployment_id)
    ) as detail
from kept k
join deploy_ledger.catalog_fact f on f.hash = any (k.fact_hashes)
where f.kind = 'cron job'
    and f.definition::jsonb ->> 'database' = 'this database'
    and f.definition::jsonb ->> 'command' !~* 'refresh\s+materialized\s+view'
    and position('~sealed.' in f.identity) = 0
    and not row_security_active('cron.job')
    and not exists (
        select
        from cron.job j
        where coalesce(to_jsonb(j) ->> 'jobname', 'command: ' || j.command) = f.identity
    )
order by 1
