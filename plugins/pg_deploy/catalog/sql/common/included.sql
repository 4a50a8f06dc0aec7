-- What every file beside this folder may refer to: the schemas that count, and what belongs to an extension.
-- Names beginning with pg_ are reserved for the server: pg_catalog, pg_toast, pg_temp_3, pg_toast_temp_3.
with included_schema as materialized (
    select n.oid, n.nspname, n.nspowner, n.nspacl
    from pg_catalog.pg_namespace n
    where not starts_with(n.nspname::text, 'pg_')
      and n.nspname::text <> all (current_setting('deploy_catalog.ignored_schemas')::text[])
),
extension_member as materialized (
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    where d.deptype = 'e'
      and d.refclassid = 'pg_catalog.pg_extension'::regclass
)
