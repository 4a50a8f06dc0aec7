-- From version 16 on a membership has options of its own, and one more for each grantor: hence jsonb, and the list.
select
    'membership' as kind,
    format('%I in %I', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)) as identity,
    array[quote_ident(pg_get_userbyid(m.member)), quote_ident(pg_get_userbyid(m.roleid))] as parts,
    'cluster' as scope,
    jsonb_object_agg(
        'by ' || pg_get_userbyid(m.grantor),
        concat_ws(
            ', ',
            case when m.admin_option then 'admin' else 'no admin' end,
            case to_jsonb(m) ->> 'inherit_option' when 'true' then 'inherit' when 'false' then 'no inherit' end,
            case to_jsonb(m) ->> 'set_option' when 'true' then 'set' when 'false' then 'no set' end
        )
    ) as definition
from pg_catalog.pg_auth_members m
where not (
    starts_with(pg_get_userbyid(m.member)::text, 'pg_')
    and starts_with(pg_get_userbyid(m.roleid)::text, 'pg_')
)
group by m.member, m.roleid
