-- The routines in SQL and PL/pgSQL that are nobody's but the application's.
select
    p.oid::bigint,
    case p.prokind when 'p' then 'procedure' else 'function' end,
    n.nspname::pg_catalog.text,
    p.proname::pg_catalog.text,
    pg_catalog.pg_get_function_identity_arguments(p.oid),
    l.lanname::pg_catalog.text,
    p.prosrc,
    pg_catalog.format_type(p.prorettype, null),
    p.proretset,
    coalesce(p.proconfig, '{}'),
    array(
        select pg_catalog.format_type(given.type, null)
        from pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as given (type, place)
        order by given.place
    ),
    coalesce(p.proargnames, '{}'),
    coalesce(p.proargmodes::pg_catalog.text[], '{}'),
    pg_catalog.md5(
        pg_catalog.concat_ws(
            ' ', p.prosrc, p.proconfig, pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid)
        )
    ),
    coalesce(
        (
            select pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_array(
                    on_table.oid::bigint,
                    pg_catalog.format('%I.%I', on_table.schema, on_table.name),
                    pg_catalog.jsonb_build_array(coalesce(on_table.old_rows, ''), coalesce(on_table.new_rows, ''))
                )
                order by on_table.schema, on_table.name
            )
            from (
                select
                    c.oid,
                    s.nspname as schema,
                    c.relname as name,
                    pg_catalog.max(t.tgoldtable::pg_catalog.text) as old_rows,
                    pg_catalog.max(t.tgnewtable::pg_catalog.text) as new_rows
                from pg_catalog.pg_trigger t
                join pg_catalog.pg_class c on c.oid = t.tgrelid
                join pg_catalog.pg_namespace s on s.oid = c.relnamespace
                where t.tgfoid = p.oid and not t.tgisinternal and t.tgparentid = 0
                group by c.oid, s.nspname, c.relname
            ) on_table
        ),
        '[]'
    )
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname in ('sql', 'plpgsql')
    and p.prosqlbody is null
    and n.nspname not in ('pg_catalog', 'information_schema', 'deploy_ledger', 'access_proof')
    and n.nspname not like 'pg\_temp\_%'
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            and d.objid = p.oid
            and d.deptype = 'e'
    )
order by n.nspname, p.proname, p.oid
