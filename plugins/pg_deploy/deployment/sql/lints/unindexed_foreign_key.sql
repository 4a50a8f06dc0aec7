-- A foreign key whose columns lead no index: deleting a parent, and every join, reads the whole table.
select
    'unindexed_foreign_key' as name,
    'info' as level,
    format('%I.%I.%I', n.nspname, c.relname, f.conname) as object,
    'no index begins with the columns of this foreign key to ' || f.confrelid::regclass as detail,
    format(
        'create index concurrently on %I.%I (%s)',
        n.nspname,
        c.relname,
        (
            select string_agg(quote_ident(a.attname), ', ' order by k.place)
            from unnest(f.conkey) with ordinality k (number, place)
            join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number
        )
    ) as remedy
from pg_catalog.pg_constraint f
join pg_catalog.pg_class c on c.oid = f.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where f.contype = 'f'
    and f.conparentid = 0
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'storage', 'cron', 'deploy_ledger'])
    and not exists (
        select
        from pg_catalog.pg_index i
        where i.indrelid = f.conrelid
            and i.indisvalid
            and i.indpred is null
            and (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey
    )
order by object
