-- From pg_roles, not pg_authid: a fact does not say whether there is a password. A role's settings are facts of their own.
select
    'role' as kind,
    r.rolname::text as identity,
    array[r.rolname::text] as parts,
    'cluster' as scope,
    jsonb_build_object(
        'superuser', r.rolsuper,
        'inherit', r.rolinherit,
        'create role', r.rolcreaterole,
        'create database', r.rolcreatedb,
        'login', r.rolcanlogin,
        'replication', r.rolreplication,
        'bypass row level security', r.rolbypassrls,
        'connection limit', nullif(r.rolconnlimit, -1),
        'valid until', r.rolvaliduntil
    ) as definition
from pg_catalog.pg_roles r
where not starts_with(r.rolname::text, 'pg_')
