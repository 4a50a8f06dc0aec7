-- Named "this database", so that a copy under another name compares equal. Its provider and locale differ in name from
-- version to version (daticulocale 15, 16; datlocale 17 on): hence jsonb.
select
    'database' as kind,
    'this database' as identity,
    array['this database'] as parts,
    'cluster' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(b.datdba),
        'encoding', pg_encoding_to_char(b.encoding),
        'collate', b.datcollate,
        'ctype', b.datctype,
        'locale provider', to_jsonb(b) ->> 'datlocprovider',
        'locale', coalesce(to_jsonb(b) ->> 'datlocale', to_jsonb(b) ->> 'daticulocale'),
        'connection limit', nullif(b.datconnlimit, -1),
        'closed', not b.datallowconn,
        'template', b.datistemplate,
        'tablespace', t.spcname
    ) as definition
from pg_catalog.pg_database b
join pg_catalog.pg_tablespace t on t.oid = b.dattablespace
where b.datname = current_database()
union all
select
    'tablespace',
    null,
    array[quote_ident(t.spcname)],
    'cluster',
    jsonb_build_object(
        'owner', pg_get_userbyid(t.spcowner),
        'options', (select jsonb_agg(o order by o collate "C") from unnest(t.spcoptions) o)
    )
from pg_catalog.pg_tablespace t
where t.oid >= 16384
