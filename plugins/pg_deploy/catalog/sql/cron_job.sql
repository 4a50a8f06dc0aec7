-- A job is known by its name, or by its command if it has no name: a job scheduled again gets another jobid.
-- The name is read through jsonb, because the first versions of pg_cron have no such column.
select
    'cron job' as kind,
    coalesce(to_jsonb(j) ->> 'jobname', 'command: ' || j.command) as identity,
    array[
        coalesce(to_jsonb(j) ->> 'jobname', ''),
        case when to_jsonb(j) ->> 'jobname' is null then j.command else '' end
    ] as parts,
    'database' as scope,
    jsonb_build_object(
        'schedule', j.schedule,
        'command', j.command,
        'database', case j.database when current_database()::text then 'this database' else j.database end,
        'user', j.username,
        'active', j.active
    ) as definition
from cron.job j
