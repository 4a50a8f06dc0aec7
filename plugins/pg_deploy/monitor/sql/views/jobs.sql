-- The jobs of pg_cron that this role may see, also those that work in other databases.
select
    j.jobid,
    coalesce(to_jsonb(j) ->> 'jobname', 'job ' || j.jobid) as name,
    j.schedule::text as schedule,
    j.command,
    j.active,
    j.database::text as database,
    j.username::text as role,
    j.database = current_database() as here,
    age(j.xmin) as changed_age
from cron.job j
order by j.jobid
