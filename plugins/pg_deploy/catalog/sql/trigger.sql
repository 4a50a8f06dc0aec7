-- Triggers that the server makes for a foreign key are left out: the constraint shows them.
select
    'trigger' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname), quote_ident(g.tgname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'definition', pg_get_triggerdef(g.oid),
        'fires', case g.tgenabled when 'D' then 'never' when 'R' then 'on replica' when 'A' then 'always' else 'normally' end
    ) as definition
from pg_catalog.pg_trigger g
join pg_catalog.pg_class c on c.oid = g.tgrelid
join included_schema s on s.oid = c.relnamespace
where not g.tgisinternal
    and ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
