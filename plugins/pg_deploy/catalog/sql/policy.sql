select
    'policy' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname), quote_ident(p.polname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'command', case p.polcmd
            when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        'restrictive', not p.polpermissive,
        'roles', (
            select jsonb_agg(r.name order by r.name collate "C")
            from (
                select case role when 0 then 'public' else pg_get_userbyid(role)::text end as name
                from unnest(p.polroles) role
            ) r
        )
    )
    || case when p.polqual is not null
        then jsonb_build_object('using', pg_get_expr(p.polqual, p.polrelid)) else '{}' end
    || case when p.polwithcheck is not null
        then jsonb_build_object('with check', pg_get_expr(p.polwithcheck, p.polrelid)) else '{}' end
        as definition
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join included_schema s on s.oid = c.relnamespace
where ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
