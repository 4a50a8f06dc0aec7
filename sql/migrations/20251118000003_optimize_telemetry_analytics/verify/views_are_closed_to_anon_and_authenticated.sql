-- A materialized view knows no row level security: whoever may read it reads every tenant's figures.
with views (view_name) as (values ('chat_telemetry_domain_summary'), ('chat_telemetry_model_summary'))

select view_name, role || ' has rights on the view' as problem, string_agg(privilege, ', ') as rights
from
    views,
    unnest(array['anon', 'authenticated']) as role,
    unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as privilege
where pg_catalog.has_table_privilege(role, 'public.' || view_name, privilege)
    or (
        privilege in ('select', 'insert', 'update', 'references')
        and pg_catalog.has_any_column_privilege(role, 'public.' || view_name, privilege)
    )
group by view_name, role
union all
select view_name, 'service_role may not read the view', null
from views
where not pg_catalog.has_table_privilege('service_role', 'public.' || view_name, 'select');
