-- Which of these objects have a row in the catalog that a transaction of the attempt wrote last: the ledger's rows of its
-- statements were written by the very same transactions. Later writers hide earlier ones; a row that is gone is not found.
with wanted as (
    select k.kind, k.identity, k.relation, k.name
    from unnest(%(kinds)s::text[], %(identities)s::text[], %(relations)s::text[], %(names)s::text[])
        as k (kind, identity, relation, name)
),
own as (
    select distinct s.xmin as xid
    from deploy_ledger.statement_run s
    where s.attempt_id = %(attempt)s
      and s.direction = 'apply'
      and s.ended_at is not null
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
    select w.kind, w.identity, a.xmin
    from wanted w
    join pg_catalog.pg_attribute a on a.attrelid = pg_catalog.to_regclass(w.relation) and a.attname = w.name
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
select distinct w.kind, w.identity
from written w
join own o on o.xid = w.xid
