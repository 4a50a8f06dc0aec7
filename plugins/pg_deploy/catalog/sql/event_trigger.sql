select
    'event trigger' as kind,
    null as identity,
    array[quote_ident(g.evtname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(g.evtowner),
        'event', g.evtevent,
        'tags', (select jsonb_agg(tag order by tag collate "C") from unnest(g.evttags) tag),
        'function', g.evtfoid::regprocedure::text,
        'fires', case g.evtenabled when 'D' then 'never' when 'R' then 'on replica' when 'A' then 'always' else 'normally' end
    ) as definition
from pg_catalog.pg_event_trigger g
where ('pg_catalog.pg_event_trigger'::regclass, g.oid) not in (select e.classid, e.objid from extension_member e)
