-- Parameters: a list of schemas and a list of names, read pairwise. If the schema is null, the search_path decides.
select
    w.position::int as position,
    c.oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    pg_get_userbyid(c.relowner)::text as owner,
    pg_has_role(c.relowner, 'usage') as owned,
    pg_has_role(n.nspowner, 'usage') as schema_owned,
    array_remove(array[
        case when has_any_column_privilege(c.oid, 'select') then 'select' end,
        case when has_any_column_privilege(c.oid, 'insert') then 'insert' end,
        case when has_any_column_privilege(c.oid, 'update') then 'update' end,
        case when has_any_column_privilege(c.oid, 'references') then 'references' end,
        case when has_table_privilege(c.oid, 'delete') then 'delete' end,
        case when has_table_privilege(c.oid, 'truncate') then 'truncate' end,
        case when has_table_privilege(c.oid, 'trigger') then 'trigger' end,
        case
            when current_setting('server_version_num')::int < 170000 then null
            when has_table_privilege(c.oid, case when current_setting('server_version_num')::int < 170000 then 'select' else 'maintain' end)
                then 'maintain'
        end
    ], null) as privileges
from unnest(%s::text[], %s::text[]) with ordinality as w (schema, name, position)
cross join lateral (
    select c.*
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = w.name
        and case
            when w.schema is null then n.nspname = any (coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::name[])
            else n.nspname = w.schema
        end
    order by array_position(coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::name[], n.nspname)
    limit 1
) c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
