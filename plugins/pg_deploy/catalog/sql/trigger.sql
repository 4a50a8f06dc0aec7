-- Internal ones (foreign keys) show in their constraint.
select
    'trigger' as kind,
    format('%I.%I.%I', s.nspname, c.relname, g.tgname) as identity,
    'database' as scope,
    jsonb_build_object(
        'definition', pg_get_triggerdef(g.oid),
        'fires', case g.tgenabled when 'D' then 'never' when 'R' then 'on replica' when 'A' then 'always' else 'normally' end
    ) as definition
from pg_catalog.pg_trigger g
join pg_catalog.pg_class c on c.oid = g.tgrelid
join included_schema s on s.oid = c.relnamespace
where not g.tgisinternal
  and not exists (
    select
    from extension_member e
    where e.classid = 'pg_catalog.pg_class'::regclass
      and e.objid = c.oid
)
