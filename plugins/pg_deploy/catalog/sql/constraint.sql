-- The constraints of tables and of domains. NOT NULL is a constraint of domains from version 17 on, and of tables from 18 on; it
-- is part of the fact of its column or domain.
select
    'constraint' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(coalesce(c.relname, t.typname)), quote_ident(k.conname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'definition', pg_get_constraintdef(k.oid),
        'not valid', not k.convalidated,
        'inherited', case when k.coninhcount > 0 then case when k.conislocal then 'and local' else 'only' end end,
        -- alter table … disable trigger all switches a foreign key off without a trace in its definition
        'triggers disabled', exists (
            select
            from pg_catalog.pg_trigger g
            where g.tgconstraint = k.oid
                and g.tgisinternal
                and g.tgenabled <> 'O'
        )
    ) as definition
from pg_catalog.pg_constraint k
join included_schema s on s.oid = k.connamespace
left join pg_catalog.pg_class c on c.oid = k.conrelid
left join pg_catalog.pg_type t on t.oid = k.contypid
where (k.conrelid <> 0 or k.contypid <> 0)
    -- a constraint trigger shows as a trigger
    and k.contype not in ('t', 'n')
    and ('pg_catalog.pg_class'::regclass, k.conrelid) not in (select e.classid, e.objid from extension_member e)
    and ('pg_catalog.pg_type'::regclass, k.contypid) not in (select e.classid, e.objid from extension_member e)
