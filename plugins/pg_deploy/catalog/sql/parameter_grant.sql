-- From version 15 on.
select
    'grant' as kind,
    'parameter ' || r.parname || ' to ' || r.grantee as identity,
    array['parameter', r.parname, r.grantee] as parts,
    'cluster' as scope,
    jsonb_object_agg(r.grantor, r.privileges) as definition
from (
    select
        p.parname,
        case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee)::text end as grantee,
        'by ' || pg_get_userbyid(x.grantor) as grantor,
        string_agg(
            x.privilege_type || case when x.is_grantable then ' with grant option' else '' end,
            ', '
            order by x.privilege_type collate "C"
        ) as privileges
    from pg_catalog.pg_parameter_acl p
    cross join lateral aclexplode(p.paracl) x
    group by 1, 2, 3
) r
group by r.parname, r.grantee
