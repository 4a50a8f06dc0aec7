-- ALTER ROLE … SET and ALTER DATABASE … SET, for every database or for this one. What is named like a secret stays out:
-- Supabase projects keep app.settings.jwt_secret this way.
select
    'setting' as kind,
    concat_ws(
        ' in ',
        case s.setrole when 0 then null else 'role ' || pg_get_userbyid(s.setrole) end,
        case s.setdatabase when 0 then null else 'this database' end
    ) || case when s.setrole = 0 and s.setdatabase = 0 then 'every role' else '' end
        || ': ' || split_part(entry, '=', 1) as identity,
    'cluster' as scope,
    jsonb_build_object(
        'value',
        case when split_part(entry, '=', 1) ~* '(passw|secret|token|credential|apikey|api_key|private)'
            then '(hidden)' else substr(entry, strpos(entry, '=') + 1) end
    ) as definition
from pg_catalog.pg_db_role_setting s
cross join lateral unnest(s.setconfig) entry
where s.setdatabase in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))
