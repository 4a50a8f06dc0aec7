-- Read from the view, which everybody may read. Only the names of the options are kept, and the value of "user".
select
    'user mapping' as kind,
    format('%s on server %I', case m.umuser when 0 then 'public' else quote_ident(m.usename) end, m.srvname) as identity,
    array[case m.umuser when 0 then 'public' else quote_ident(m.usename) end, quote_ident(m.srvname)] as parts,
    'database' as scope,
    jsonb_build_object('options', (
        select jsonb_agg(
            case when starts_with(option, 'user=') then option else split_part(option, '=', 1) || '=(hidden)' end
            order by option collate "C"
        )
        from unnest(m.umoptions) option
    )) as definition
from pg_catalog.pg_user_mappings m
