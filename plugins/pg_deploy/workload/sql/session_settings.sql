-- What sessions begin with, the nearest setting last: the server's own, then by role and database.
with item as (
    select
        s.setrole,
        s.setdatabase,
        pg_catalog.split_part(c.item, '=', 1) as name,
        pg_catalog.substr(c.item, pg_catalog.strpos(c.item, '=') + 1) as value
    from pg_catalog.pg_db_role_setting as s
    cross join pg_catalog.unnest(s.setconfig) as c (item)
    where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
)
-- What this session would be reset to is the server's, unless a setting for this role or database stands before it.
select null::pg_catalog.text as role, 'search_path' as name, case
    when exists (
        select
        from item as i
        where i.name = 'search_path'
            and i.setrole in (0, (select r.oid from pg_catalog.pg_roles as r where r.rolname = session_user))
    ) then p.boot_val
    else p.reset_val
end as value, 0 as nearness
from pg_catalog.pg_settings as p
where p.name = 'search_path'
union all
select
    r.rolname::pg_catalog.text,
    i.name,
    i.value,
    1 + (i.setdatabase <> 0)::pg_catalog.int4 + 2 * (i.setrole <> 0)::pg_catalog.int4
from item as i
left join pg_catalog.pg_roles as r on r.oid = i.setrole
where i.name in ('search_path', 'pgrst.db_schemas', 'pgrst.db_extra_search_path')
order by nearness
