-- Only in the database that cron.database_name names. Run as supabase_admin.

-- As on Supabase: its objects live in schema cron, and public would be named by the advisor.
create extension pg_cron with schema pg_catalog;
grant usage on schema cron to postgres with grant option;
grant select on cron.job, cron.job_run_details to postgres;
grant delete on cron.job_run_details to postgres;
grant execute on all functions in schema cron to postgres;
