-- Tables (partitioned ones and partitions too), views, materialized views, foreign tables.
select
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end
        as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(c.relowner),
        'persistence', case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end,
        'row level security', c.relrowsecurity,
        'force row level security', c.relforcerowsecurity,
        'options', (select jsonb_agg(o order by o collate "C") from unnest(c.reloptions) o),
        'toast options', (select jsonb_agg(o order by o collate "C") from unnest(toast.reloptions) o),
        'populated', case when c.relkind = 'm' then c.relispopulated end,
        'replica identity', case when c.relkind in ('r', 'p') then
            case c.relreplident when 'n' then 'nothing' when 'f' then 'full' when 'i' then 'index' end end,
        'tablespace', tablespace.spcname,
        'access method', case when method.amname <> 'heap' then method.amname end,
        'of type', case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
        'inherits', (
            select jsonb_agg(
                format('%I.%I', parent_schema.nspname, parent.relname)
                    || case when i.inhdetachpending then ' (detach pending)' else '' end
                order by i.inhseqno
            )
            from pg_catalog.pg_inherits i
            join pg_catalog.pg_class parent on parent.oid = i.inhparent
            join pg_catalog.pg_namespace parent_schema on parent_schema.oid = parent.relnamespace
            where i.inhrelid = c.oid
        ),
        'server', server.srvname,
        'server options', (
            select jsonb_agg(
                case when o ~* '^[^=]*(password|passcode|passphrase|secret|token|credential|apikey|api_key)'
                    then split_part(o, '=', 1) || '=(hidden)' else o end
                order by o collate "C"
            )
            from unnest(f.ftoptions) o
        )
    )
    || case when c.relkind in ('v', 'm')
        then jsonb_build_object('definition', pg_get_viewdef(c.oid)) else '{}' end
    || case when c.relkind = 'p'
        then jsonb_build_object('partition key', pg_get_partkeydef(c.oid)) else '{}' end
    || case when c.relispartition
        then jsonb_build_object('partition bound', pg_get_expr(c.relpartbound, c.oid)) else '{}' end
        as definition
from pg_catalog.pg_class c
join included_schema s on s.oid = c.relnamespace
left join pg_catalog.pg_class toast on toast.oid = c.reltoastrelid
left join pg_catalog.pg_tablespace tablespace on tablespace.oid = c.reltablespace
left join pg_catalog.pg_am method on method.oid = c.relam
left join pg_catalog.pg_foreign_table f on f.ftrelid = c.oid
left join pg_catalog.pg_foreign_server server on server.oid = f.ftserver
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
