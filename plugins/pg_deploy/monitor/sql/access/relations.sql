-- What decides access to each relation. Its definition is not read, because that takes locks.
select
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end
        as kind,
    format('%I.%I', n.nspname, c.relname) as identity,
    jsonb_build_object(
        'owner', pg_get_userbyid(c.relowner),
        'row level security', c.relrowsecurity,
        'force row level security', c.relforcerowsecurity,
        'options', to_jsonb(c.reloptions)
    ) as definition
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not like 'pg\_%'
    and n.nspname <> 'information_schema'
