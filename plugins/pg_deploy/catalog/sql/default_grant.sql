-- ALTER DEFAULT PRIVILEGES: what objects made from now on will be granted.
select
    'default grant' as kind,
    named.parts[1] || ' made by ' || named.parts[2] || coalesce(' in schema ' || nullif(named.parts[3], ''), '') as identity,
    named.parts,
    'database' as scope,
    jsonb_build_object('present', true) || coalesce((
        select jsonb_object_agg(r.grantee, r.privileges)
        from (
            select
                'to ' || case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee)::text end as grantee,
                string_agg(
                    x.privilege_type || case when x.is_grantable then ' with grant option' else '' end,
                    ', '
                    order by x.privilege_type collate "C"
                ) as privileges
            from aclexplode(d.defaclacl) x
            group by 1
        ) r
    ), '{}') as definition
from pg_catalog.pg_default_acl d
left join included_schema s on s.oid = d.defaclnamespace
cross join lateral (
    select array[
        case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
            when 'T' then 'types' when 'n' then 'schemas' when 'L' then 'large objects' else d.defaclobjtype::text end,
        quote_ident(pg_get_userbyid(d.defaclrole)),
        coalesce(quote_ident(s.nspname), '')
    ] as parts
) named
where d.defaclnamespace = 0
    or s.oid is not null
