-- pubgencols is new in version 18 and read through jsonb. prqual and prattrs are new in 15: their names find the inner column
-- if there is one, else the outer null.
select
    'publication' as kind,
    null as identity,
    array[quote_ident(p.pubname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(p.pubowner),
        'puballtables', p.puballtables,
        'pubinsert', p.pubinsert,
        'pubupdate', p.pubupdate,
        'pubdelete', p.pubdelete,
        'pubtruncate', p.pubtruncate,
        'pubviaroot', p.pubviaroot,
        'pubgencols', to_jsonb(p) -> 'pubgencols',
        'tables', (
            select jsonb_agg(
                format('%I.%I', n.nspname, c.relname)
                    || coalesce(' (' || chosen.columns || ')', '')
                    || coalesce(' where ' || chosen.filter, '')
                order by n.nspname, c.relname
            )
            from pg_catalog.pg_publication_rel r
            join pg_catalog.pg_class c on c.oid = r.prrelid
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            cross join (select null::pg_node_tree as prqual, null::int2vector as prattrs) missing
            cross join lateral (
                select
                    pg_get_expr((
                        select prqual from pg_catalog.pg_publication_rel inner_rel where inner_rel.oid = r.oid
                    ), r.prrelid) as filter,
                    (
                        select string_agg(format('%I', a.attname), ', ' order by a.attname)
                        from pg_catalog.pg_attribute a
                        where a.attrelid = r.prrelid
                            and a.attnum = any ((
                                select prattrs from pg_catalog.pg_publication_rel inner_rel where inner_rel.oid = r.oid
                            )::int2[])
                    ) as columns
            ) chosen
            where r.prpubid = p.oid
        )
    ) as definition
from pg_catalog.pg_publication p
