-- Parameters: a list of schemas and a list of names, read pairwise. If the schema is null, the search_path decides.
select
    w.position::int as position,
    n.nspname || '.' || y.typname as name,
    pg_get_userbyid(y.typowner)::text as owner,
    pg_has_role(y.typowner, 'usage') as owned,
    pg_has_role(n.nspowner, 'usage') as schema_owned
from unnest(%s::text[], %s::text[]) with ordinality as w (schema, name, position)
cross join lateral (
    select y.*
    from pg_catalog.pg_type y
    join pg_catalog.pg_namespace n on n.oid = y.typnamespace
    where y.typname = w.name
        and case
            when w.schema is null then n.nspname = any (coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::name[])
            else n.nspname = w.schema
        end
    order by array_position(coalesce(nullif(current_setting('pg_deploy.schemas', true), ''), current_schemas(true)::text)::name[], n.nspname)
    limit 1
) y
join pg_catalog.pg_namespace n on n.oid = y.typnamespace
