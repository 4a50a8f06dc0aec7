-- Some columns are read through jsonb: the locale's column is collcollate, colliculocale (15, 16) or colllocale (17 on); collicurules is new in 16.
-- The version of the operating system's library is no fact of the schema.
select
    'collation' as kind,
    null as identity,
    array[quote_ident(s.nspname), quote_ident(k.collname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(k.collowner),
        'collprovider', k.collprovider,
        'collisdeterministic', k.collisdeterministic,
        'collencoding', k.collencoding,
        'collcollate', k.collcollate,
        'collctype', k.collctype,
        -- under the older of its two names, so that a move to 17 is no change
        'colliculocale', coalesce(to_jsonb(k) ->> 'colllocale', to_jsonb(k) ->> 'colliculocale'),
        'collicurules', to_jsonb(k) ->> 'collicurules'
    ) as definition
from pg_catalog.pg_collation k
join included_schema s on s.oid = k.collnamespace
where ('pg_catalog.pg_collation'::regclass, k.oid) not in (select e.classid, e.objid from extension_member e)
union all
select
    'conversion',
    null,
    array[quote_ident(s.nspname), quote_ident(c.conname)],
    'database',
    jsonb_build_object(
        'owner', pg_get_userbyid(c.conowner),
        'from', pg_encoding_to_char(c.conforencoding),
        'to', pg_encoding_to_char(c.contoencoding),
        'function', c.conproc::text,
        'default', c.condefault
    )
from pg_catalog.pg_conversion c
join included_schema s on s.oid = c.connamespace
where ('pg_catalog.pg_conversion'::regclass, c.oid) not in (select e.classid, e.objid from extension_member e)
