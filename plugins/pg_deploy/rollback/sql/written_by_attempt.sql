-- Who wrote the catalog's rows of these objects since the snapshot before the attempt. "own": the attempt's transactions, which
-- also wrote the ledger's rows of its statements. "others": transactions that had begun before it. "later": the rest. A later
-- writer hides an earlier one, and a row that is gone is not found. Ages are compared, because transaction numbers wrap around.
with wanted as (
    select *
    from unnest(%(kinds)s::text[], %(identities)s::text[], %(relations)s::text[], %(names)s::text[])
        as k (kind, identity, relation, name)
),
own as (
    select s.xmin as xid, age(s.xmin) as age, s.ended_at is not null as committed
    from deploy_ledger.statement_run s
    where s.attempt_id = %(attempt)s
        and s.direction = 'apply'
),
since as (
    select age(s.xmin) as age
    from deploy_ledger.snapshot s
    where s.attempt_id = %(attempt)s
        and s.moment = 'before'
        and s.location = 'target'
    order by s.id
    limit 1
),
written as (
    select w.kind, w.identity, c.xmin as xid
    from wanted w
    join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(w.identity)
    where w.kind in ('table', 'foreign table', 'view', 'materialized view', 'sequence', 'index')
    union all
    select w.kind, w.identity, p.xmin
    from wanted w
    join pg_catalog.pg_proc p on p.oid = pg_catalog.to_regprocedure(w.identity)
    where w.kind in ('function', 'procedure', 'aggregate')
    union all
    select w.kind, w.identity, n.xmin
    from wanted w
    join pg_catalog.pg_namespace n on n.oid = pg_catalog.to_regnamespace(w.identity)
    where w.kind = 'schema'
    union all
    select w.kind, w.identity, t.xmin
    from wanted w
    join pg_catalog.pg_type t on t.oid = pg_catalog.to_regtype(w.identity)
    where w.kind = 'type'
    union all
    select w.kind, w.identity, x.xid
    from wanted w
    join pg_catalog.pg_attribute a on a.attrelid = pg_catalog.to_regclass(w.relation) and a.attname = w.name
    cross join lateral (
        select a.xmin as xid
        union all
        select d.xmin
        from pg_catalog.pg_attrdef d
        where d.adrelid = a.attrelid and d.adnum = a.attnum
        union all
        -- NOT NULL, which belongs to the column's fact
        select c.xmin
        from pg_catalog.pg_constraint c
        where c.conrelid = a.attrelid and c.contype = 'n' and c.conkey = array[a.attnum]
    ) x
    where w.kind = 'column'
    union all
    select w.kind, w.identity, p.xmin
    from wanted w
    join pg_catalog.pg_policy p on p.polrelid = pg_catalog.to_regclass(w.relation) and p.polname = w.name
    where w.kind = 'policy'
    union all
    select w.kind, w.identity, c.xmin
    from wanted w
    join pg_catalog.pg_constraint c on c.conrelid = pg_catalog.to_regclass(w.relation) and c.conname = w.name
    where w.kind = 'constraint'
    union all
    select w.kind, w.identity, t.xmin
    from wanted w
    join pg_catalog.pg_trigger t on t.tgrelid = pg_catalog.to_regclass(w.relation) and t.tgname = w.name
    where w.kind = 'trigger'
)
select distinct
    w.kind,
    w.identity,
    case
        when exists (select from own o where o.committed and o.xid = w.xid) then 'own'
        when age(w.xid) > (select max(o.age) from own o) then 'others'
        else 'later'
    end
from written w
where age(w.xid) < (select s.age from since s)
    or exists (select from own o where o.committed and o.xid = w.xid)
