-- Every policy, the roles of the API that it speaks of, and the columns of its own table that it reads. Parameter: roles.
select
    p.polrelid::bigint as relation,
    p.polname::text as name,
    p.polcmd::text as command,
    p.polpermissive as permissive,
    pg_get_expr(p.polqual, p.polrelid) as using,
    pg_get_expr(p.polwithcheck, p.polrelid) as with_check,
    (
        select coalesce(array_agg(r.rolname::text order by r.rolname), '{}')
        from pg_catalog.pg_roles r
        where r.rolname = any (%(roles)s)
            and exists (
                select
                from unnest(p.polroles) named
                where named = 0
                    or pg_has_role(r.oid, named, 'usage')
            )
    ) as roles,
    (
        select coalesce(array_agg(distinct a.attname::text order by a.attname::text), '{}')
        from pg_catalog.pg_depend d
        join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_catalog.pg_policy'::regclass
            and d.objid = p.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass
            and d.refobjid = p.polrelid
            and d.refobjsubid > 0
    ) as columns
from pg_catalog.pg_policy p
order by p.polrelid, p.polname
