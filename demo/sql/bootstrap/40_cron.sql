-- Only in the database that cron.database_name names. Run as supabase_admin.

create extension pg_cron;
grant usage on schema cron to postgres with grant option;
grant select on cron.job, cron.job_run_details to postgres;
grant delete on cron.job_run_details to postgres;
grant execute on all functions in schema cron to postgres;
