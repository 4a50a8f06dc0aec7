-- Run once a cluster, as its superuser supabase_admin. Passwords are set apart, bound to this cluster.

create role postgres nosuperuser createdb createrole replication bypassrls login;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
create role supabase_auth_admin nologin noinherit createrole;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

-- As Supabase has them: the API may not keep a connection busy for long.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;

-- From PostgreSQL 16 on, CREATEROLE alone no longer lets postgres alter and grant these, as it may on Supabase.
do $$
begin
    if current_setting('server_version_num')::integer >= 160000 then
        grant anon, authenticated, service_role to postgres with admin option;
    end if;
end
$$;
