-- What decides about each table besides its rows and functions: its columns, its policies, its place among other tables.
select
    format('%s.%s', n.nspname, c.relname) as name,
    c.relkind = 'r' and not c.relispartition and not c.relhassubclass or c.relkind = 'm' as alone,
    concat_ws(
        E'\n',
        c.relrowsecurity,
        c.relforcerowsecurity,
        c.relowner::regrole,
        (
            select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid
              and a.attnum > 0
              and not a.attisdropped
        ),
        (
            select string_agg(
                concat_ws(
                    ' ', p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[],
                    pg_get_expr(p.polqual, p.polrelid), '/', pg_get_expr(p.polwithcheck, p.polrelid)
                ),
                E'\n' order by p.polname
            )
            from pg_catalog.pg_policy p
            where p.polrelid = c.oid
        )
    ) as shape
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm')
  and not starts_with(n.nspname, 'pg_')
  and n.nspname not in ('information_schema', 'access_proof')
