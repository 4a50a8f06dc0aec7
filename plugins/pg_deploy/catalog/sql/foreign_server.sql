-- Foreign data wrappers and servers. The values of options that are named like a secret stay out.
select
    o.kind,
    null as identity,
    array[quote_ident(o.name)] as parts,
    'database' as scope,
    o.definition || jsonb_build_object('options', (
        select jsonb_agg(
            case when option ~* '^[^=]*(password|passcode|passphrase|secret|token|credential|apikey|api_key)'
                then split_part(option, '=', 1) || '=(hidden)' else option end
            order by option collate "C"
        )
        from unnest(o.options) option
    )) as definition
from (
    select
        'foreign data wrapper' as kind,
        w.fdwname as name,
        w.fdwoptions as options,
        'pg_catalog.pg_foreign_data_wrapper'::regclass as classid,
        w.oid,
        jsonb_build_object(
            'owner', pg_get_userbyid(w.fdwowner),
            'handler', nullif(w.fdwhandler::regproc::text, '-'),
            'validator', nullif(w.fdwvalidator::regproc::text, '-')
        ) as definition
    from pg_catalog.pg_foreign_data_wrapper w
    union all
    select
        'server',
        v.srvname,
        v.srvoptions,
        'pg_catalog.pg_foreign_server'::regclass,
        v.oid,
        jsonb_build_object(
            'owner', pg_get_userbyid(v.srvowner),
            'wrapper', w.fdwname,
            'type', v.srvtype,
            'version', v.srvversion
        )
    from pg_catalog.pg_foreign_server v
    join pg_catalog.pg_foreign_data_wrapper w on w.oid = v.srvfdw
) o
where (o.classid, o.oid) not in (select e.classid, e.objid from extension_member e)
