-- Whether the role may SET ROLE to each of these. From version 16 on a membership may lack that right.
select
    r.rolname::text as name,
    pg_has_role(
        r.oid, case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
    ) as member
from pg_catalog.pg_roles r
where r.rolname = any (%s::text[])
