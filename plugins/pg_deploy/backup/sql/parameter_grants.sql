-- From version 15 on: who may set which parameter.
select
    format(
        'grant %s on parameter %s to %s%s',
        x.privilege_type,
        (select string_agg(format('%I', part), '.') from unnest(string_to_array(p.parname, '.')) part),
        case x.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) end,
        case when x.is_grantable and x.grantor <> x.grantee then ' with grant option' else '' end
    ) as line
from pg_catalog.pg_parameter_acl p
cross join lateral aclexplode(p.paracl) x
order by 1
