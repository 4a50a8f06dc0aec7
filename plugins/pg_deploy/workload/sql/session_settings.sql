-- What sessions begin with, the nearest setting last: the server's own, then by role and database.
select null::pg_catalog.text as role, 'search_path' as name, coalesce(
    (
        select f.setting
        from pg_catalog.pg_file_settings as f
        where f.name = 'search_path' and f.applied
        order by f.seqno desc
        limit 1
    ),
    '"$user", public'
) as value, 0 as nearness
where pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'select')
    and pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'execute')
union all
select
    r.rolname::pg_catalog.text,
    pg_catalog.split_part(c.item, '=', 1),
    pg_catalog.substr(c.item, pg_catalog.strpos(c.item, '=') + 1),
    1 + (s.setdatabase <> 0)::pg_catalog.int4 + 2 * (s.setrole <> 0)::pg_catalog.int4
from pg_catalog.pg_db_role_setting as s
cross join pg_catalog.unnest(s.setconfig) as c (item)
left join pg_catalog.pg_roles as r on r.oid = s.setrole
where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
    and pg_catalog.split_part(c.item, '=', 1) in ('search_path', 'pgrst.db_schemas', 'pgrst.db_extra_search_path')
order by nearness
