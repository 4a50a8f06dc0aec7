-- The policies of one table that take part in reading it, as they would be created again. Parameter: oid.
select
    p.polname::text as name,
    p.polpermissive as permissive,
    pg_get_expr(p.polqual, p.polrelid) as using,
    (
        select array_agg(case when named = 0 then 'public' else quote_ident(pg_get_userbyid(named)) end)
        from unnest(p.polroles) named
    ) as roles
from pg_catalog.pg_policy p
where p.polrelid = %(relation)s
    and p.polcmd in ('*', 'r')
    and p.polqual is not null
order by p.polname
