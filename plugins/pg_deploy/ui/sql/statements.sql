-- Each try of each statement that a deployment ran on the target.
select
    a.version,
    s.attempt_id,
    s.direction,
    s.segment,
    s.ordinal,
    s.try,
    s.transactional,
    s.line,
    s.summary,
    s.pid,
    s.started_at,
    s.ended_at,
    s.sqlstate,
    s.error,
    s.notices,
    s.waited_s,
    s.blockers
from deploy_ledger.statement_run s
join deploy_ledger.attempt a on a.id = s.attempt_id
where s.deployment_id = %(deployment)s
order by s.attempt_id, s.id
