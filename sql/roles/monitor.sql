-- The monitoring role: it measures, writes its samples and alerts into the ledger, and can change nothing else. Run in the target as
-- the role that deploys, or a superuser, after the first deployment has made the ledger:
--
--   psql -v role=deploy_monitor -f sql/roles/monitor.sql "$ADMIN_URL"
--
-- Then \password deploy_monitor, an Airflow connection with that login, and {"target": "<connection>", "refresh": "none"} as the conf
-- of monitor_database: refreshing a view takes its owner. Making the role and granting pg_monitor takes createrole and, from
-- PostgreSQL 16 on, the admin option of pg_monitor. Safe to run again.

\set ON_ERROR_STOP on
\if :{?role}
\else
    \echo 'name the role: -v role=deploy_monitor'
    \quit 3
\endif

select not exists (select from pg_catalog.pg_roles where rolname = :'role') as is_new \gset
\if :is_new
    create role :"role" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
\endif

select pg_catalog.format('grant connect on database %I to %I', pg_catalog.current_database(), :'role') \gexec
-- Statistics, sessions and settings; no row of any table of the application.
grant pg_monitor to :"role";

-- Where the extensions live that tell of queries and jobs; of cron.job it sees its own rows only, which are none.
select pg_catalog.format('grant usage on schema %I to %I', n.nspname, :'role')
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements' \gexec

-- What was deployed, read only; its own four tables, to write.
grant usage on schema deploy_ledger to :"role";
grant select on all tables in schema deploy_ledger to :"role";
grant insert, update, delete on
    deploy_ledger.sample, deploy_ledger.measurement, deploy_ledger.alert, deploy_ledger.refresh to :"role";
-- The verdict of the watch after a deployment is evidence of it.
grant insert on deploy_ledger.evidence to :"role";
