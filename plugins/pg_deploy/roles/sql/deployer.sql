-- Makes the deploying role with the least rights that a deployment needs. Run it once in the target, as a superuser or the database's owner:
--
--   psql -v role=deployer -v owner=app_owner -v api_roles="anon, authenticated, service_role" -f sql/roles/deployer.sql "$ADMIN_URL"
--
-- (where pg_deploy was installed with pip: python -m pg_deploy.roles deployer >deployer.sql, and -f deployer.sql).
--
-- Then give it a password with \password deployer. `owner` is the role that owns the application's tables. `api_roles` are the roles
-- that checks take on (leave the variable out, or empty, if there is no such API). A comment beside each right says what it is for. Not granted
-- are superuser, createrole, createdb and replication. It is safe to run again.

\set ON_ERROR_STOP on
\if :{?role}
\else
    \echo 'name the role: -v role=deployer'
    \quit 3
\endif

select not exists (select from pg_catalog.pg_roles where rolname = :'role') as is_new \gset
\if :is_new
    create role :"role" login inherit nosuperuser nocreatedb nocreaterole noreplication;
\endif

-- A dump that lacks rows which policies hide would be no backup: preflight refuses a role that reads less than everything.
-- Only a superuser may grant this (from PostgreSQL 16 on also a role that has it and may give it). Without it use the conf
-- {"backup": "external"} or "none".
alter role :"role" bypassrls;

-- Connect, and make the engine's own two schemas: deploy_ledger (or what the project calls its ledger) and supabase_migrations.
select pg_catalog.format('grant connect, create, temporary on database %I to %I', pg_catalog.current_database(), :'role') \gexec

-- Alter what the application's owner owns. It may set itself to that role, and no further.
\if :{?owner}
    grant :"owner" to :"role";
\endif

-- Read everything: the backup, and checks of any schema.
grant pg_read_all_data to :"role";
-- See other sessions: who blocks a lock, how far a build is, what the server is busy with.
grant pg_monitor to :"role";
-- End the session of an earlier try whose task was killed, and cancel a statement that holds a lock for too long.
grant pg_signal_backend to :"role";

-- Take on the API's roles in checks and in the access proof.
\if :{?api_roles}
    select pg_catalog.btrim(:'api_roles') <> '' as has_api \gset
    \if :has_api
        grant :api_roles to :"role";
    \endif
\endif
