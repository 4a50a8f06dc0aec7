-- What a copy of this database needs to know of its server.
select
    current_database()::text as database,
    current_user::text as role,
    pg_catalog.pg_get_userbyid(10)::text as bootstrap_role,
    pg_catalog.pg_encoding_to_char(b.encoding)::text as encoding,
    b.datcollate::text as collate,
    b.datctype::text as ctype,
    coalesce(to_jsonb(b) ->> 'datlocprovider', 'c') as locale_provider,
    coalesce(to_jsonb(b) ->> 'datlocale', to_jsonb(b) ->> 'daticulocale') as locale,
    case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end::text as lsn,
    pg_catalog.clock_timestamp() as now,
    coalesce((select s.setting from pg_catalog.pg_settings s where s.name = 'shared_preload_libraries'), '') as preload,
    coalesce((
        select sum(pg_catalog.pg_relation_size(c.oid) + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0))
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r'
            and n.nspname = any (%(schemas)s)
    ), 0)::bigint as data_bytes,
    coalesce((
        select sum(pg_catalog.pg_total_relation_size(c.oid))
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm')
            and n.nspname = any (%(schemas)s)
    ), 0)::bigint as total_bytes
from pg_catalog.pg_database b
where b.datname = current_database()
