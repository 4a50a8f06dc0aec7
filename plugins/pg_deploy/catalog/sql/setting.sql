-- ALTER ROLE … SET and ALTER DATABASE … SET, for every database or for this one. Values whose name is that of a secret are hidden:
-- Supabase projects keep app.settings.jwt_secret this way. The elements of a list are worded as PostgreSQL words them when
-- it is told them one by one: SET … FROM CURRENT keeps the text of that moment instead, whatever stands in it.
select
    'setting' as kind,
    concat_ws(
        ' in ',
        case s.setrole when 0 then null else 'role ' || quote_ident(pg_get_userbyid(s.setrole)) end,
        case s.setdatabase when 0 then null else 'this database' end
    ) || case when s.setrole = 0 and s.setdatabase = 0 then 'every role' else '' end
        || ': ' || e.name as identity,
    array[
        case when s.setdatabase <> 0 then 'this database' when s.setrole = 0 then 'every role' else '' end,
        case when s.setrole <> 0 then quote_ident(pg_get_userbyid(s.setrole)) else '' end,
        e.name
    ] as parts,
    'cluster' as scope,
    jsonb_build_object(
        'value',
        case
            when e.name ~* '(passw|secret|token|credential|apikey|api_key|private)' then '(hidden)'
            when e.name in ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries') then (
                select coalesce(string_agg(quote_ident(element.name), ', ' order by part.place), '')
                from regexp_matches(e.value, '"(?:[^"]|"")*"|[^,[:space:]]+', 'g') with ordinality part (found, place)
                cross join lateral (
                    select case
                        when starts_with(part.found[1], '"') then replace(substr(part.found[1], 2, length(part.found[1]) - 2), '""', '"')
                        when e.name in ('search_path', 'temp_tablespaces') then lower(part.found[1] collate "C")
                        else part.found[1]
                    end as name
                ) element
                where element.name <> ''
            )
            else e.value
        end
    ) as definition
from pg_catalog.pg_db_role_setting s
cross join lateral unnest(s.setconfig) entry
cross join lateral (
    select split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as value
) e
where s.setdatabase in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))
