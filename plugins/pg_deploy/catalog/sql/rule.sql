-- A view's own rule is its definition.
select
    'rule' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(c.relname), quote_ident(r.rulename)] as parts,
    'database' as scope,
    jsonb_build_object(
        'definition', pg_get_ruledef(r.oid),
        'fires', case r.ev_enabled when 'D' then 'never' when 'R' then 'on replica' when 'A' then 'always' else 'normally' end
    ) as definition
from pg_catalog.pg_rewrite r
join pg_catalog.pg_class c on c.oid = r.ev_class
join included_schema s on s.oid = c.relnamespace
where r.rulename <> '_RETURN'
    and ('pg_catalog.pg_class'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
