-- Makes the monitoring role: it measures, writes its samples and alerts into the ledger, and can change nothing else. Run this in the
-- target as the role that deploys, or as a superuser, after the first deployment has made the ledger:
--
--   psql -v role=deploy_monitor -f sql/roles/monitor.sql "$ADMIN_URL"
--
-- (where pg_deploy was installed with pip: python -m pg_deploy.roles monitor >monitor.sql, and -f monitor.sql).
--
-- Then give it a password with \password deploy_monitor, make an Airflow connection with that login, and run monitor_database with the
-- conf {"target": "<connection>", "refresh": "none"}, because only a view's owner may refresh it. To make the role and grant pg_monitor
-- you need createrole and, from PostgreSQL 16 on, the admin option of pg_monitor. It is safe to run again. If the project's ledger
-- has a name of its own, say it: -v ledger=shop_ledger. Where two projects share the database, run it for each ledger.

\set ON_ERROR_STOP on
\if :{?role}
\else
    \echo 'name the role: -v role=deploy_monitor'
    \quit 3
\endif
\if :{?ledger}
\else
    \set ledger deploy_ledger
\endif

select not exists (select from pg_catalog.pg_roles where rolname = :'role') as is_new \gset
\if :is_new
    create role :"role" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
\endif

select pg_catalog.format('grant connect on database %I to %I', pg_catalog.current_database(), :'role') \gexec
-- Statistics, sessions and settings; no row of any table of the application.
grant pg_monitor to :"role";

-- The schema of the extension that counts queries. Of cron.job the role could see its own rows only, and it has none.
select pg_catalog.format('grant usage on schema %I to %I', n.nspname, :'role')
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements' \gexec

-- Read what was deployed; write the monitor's own four tables.
grant usage on schema :"ledger" to :"role";
grant select on all tables in schema :"ledger" to :"role";
grant insert, update, delete on
    :"ledger".sample, :"ledger".measurement, :"ledger".alert, :"ledger".refresh to :"role";
-- The verdict of the watch after a deployment is evidence of it.
grant insert on :"ledger".evidence to :"role";
