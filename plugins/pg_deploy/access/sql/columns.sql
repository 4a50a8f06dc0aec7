-- The columns of a relation with their types, and where a foreign key of that one column points. Parameter: oid.
select
    a.attname::text as name,
    format_type(a.atttypid, a.atttypmod) as type,
    t.typcategory::text as category,
    a.attnotnull as required,
    -- Values without an order cannot be grouped or indexed: they are told apart by their digests.
    not (t.typname in ('json', 'xml', 'jsonpath', 'txid_snapshot') or t.typcategory = 'G') as ordered,
    (t.typtype = 'e'
        or t.typname in ('uuid', 'int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz')
        or (t.typname in ('text', 'varchar') and l.collisdeterministic)) as exact,
    -- Of other types, such as a row's or an extension's, nobody knows how to make values that tell two predicates apart.
    (coalesce(b.typcategory, t.typcategory) in ('A', 'B', 'D', 'E', 'I', 'N', 'R', 'S', 'T')
        or coalesce(b.typname, t.typname) in ('uuid', 'json', 'jsonb')) as witnessed,
    (
        select array[parent_schema.nspname::text, parent.relname::text, parent_column.attname::text]
        from pg_catalog.pg_constraint f
        join pg_catalog.pg_class parent on parent.oid = f.confrelid
        join pg_catalog.pg_namespace parent_schema on parent_schema.oid = parent.relnamespace
        join pg_catalog.pg_attribute parent_column on parent_column.attrelid = parent.oid and parent_column.attnum = f.confkey[1]
        where f.conrelid = a.attrelid
            and f.contype = 'f'
            and f.conkey = array[a.attnum]
        limit 1
    ) as parent
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
-- an array's elements, or what a domain is of
left join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype when t.typcategory = 'A' then t.typelem end
left join pg_catalog.pg_collation l on l.oid = a.attcollation
where a.attrelid = %(relation)s
    and a.attnum > 0
    and not a.attisdropped
order by a.attnum
