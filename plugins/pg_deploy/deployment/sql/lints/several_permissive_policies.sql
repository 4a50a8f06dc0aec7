-- Several permissive policies for one role and command: each is run for every row, and the widest of them wins.
select
    'several_permissive_policies' as name,
    'warn' as level,
    format('%I.%I for %s to %s', n.nspname, c.relname, k.command, r.rolname) as object,
    count(*) || ' permissive policies apply: ' || string_agg(p.polname, ', ' order by p.polname) as detail,
    'make one policy of them, or make the narrowing ones restrictive' as remedy
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(
    case p.polcmd when 'r' then array['select'] when 'a' then array['insert'] when 'w' then array['update']
        when 'd' then array['delete'] else array['select', 'insert', 'update', 'delete'] end
) k (command)
join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
where p.polpermissive
    and c.relrowsecurity
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'storage', 'cron'])
    and exists (
        select
        from unnest(p.polroles) named
        where named = 0
            or pg_has_role(r.oid, named, 'usage')
    )
group by n.nspname, c.relname, k.command, r.rolname
having count(*) > 1
order by object
