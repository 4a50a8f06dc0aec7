-- Tables whose row level security lets in no row that a role writes: it has no policy for it.
select r.rolname::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_roles as r on r.rolname = any (%s)
where c.relrowsecurity
    and not (r.rolsuper or r.rolbypassrls)
    and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage'))
    and not exists (
        select
        from pg_catalog.pg_policy as p
        cross join pg_catalog.unnest(p.polroles) as given (role)
        where p.polrelid = c.oid
            and p.polpermissive
            and p.polcmd in ('*', 'a')
            and (given.role = 0 or pg_catalog.pg_has_role(r.oid, given.role, 'usage'))
    )
