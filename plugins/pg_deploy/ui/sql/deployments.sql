-- The newest deployments, or those older than a given one, with their migrations and the number of failed checks.
select
    d.id,
    d.dag_id,
    d.airflow_run,
    d.actor,
    d.state,
    d.phase,
    d.started_at,
    d.ended_at,
    array(
        select p.stem
        from deploy_ledger.planned_migration p
        where p.deployment_id = d.id
        order by p.position
    ) as stems,
    (
        select count(*)
        from deploy_ledger.evidence e
        where e.deployment_id = d.id
            and e.kind = 'check'
            and e.outcome in ('failed', 'error')
    )::integer as failed_checks
from deploy_ledger.deployment d
where %(before)s::bigint is null
    or d.id < %(before)s::bigint
order by d.id desc
limit %(most)s
