-- What the whole server shares, as statements that make it again, in order. There are no passwords, and settings that are
-- named like a secret are hidden, as in the catalog facts.
with recursive role as (
    select
        r.*,
        r.oid = 10 as bootstrap
    from pg_catalog.pg_roles r
    where not pg_catalog.starts_with(r.rolname::text, 'pg_')
),
-- The grantor of a membership must hold it with the admin option first. So a grant comes after those that give its grantor
-- that option, as pg_dumpall orders them. The bootstrap role needs no such grant.
granted as (
    select
        m.*,
        m.roleid::regrole::text || ' ' || m.member::regrole::text || ' ' || m.grantor::regrole::text as key
    from pg_catalog.pg_auth_members m
    where not (
        pg_catalog.starts_with(pg_catalog.pg_get_userbyid(m.member)::text, 'pg_')
        and pg_catalog.starts_with(pg_catalog.pg_get_userbyid(m.roleid)::text, 'pg_')
    )
),
chain as (
    select g.roleid, g.member, g.grantor, g.admin_option, 0 as depth
    from granted g
    where g.grantor = 10
        or not exists (
            select
            from granted above
            where above.roleid = g.roleid
                and above.member = g.grantor
                and above.admin_option
        )
    union
    select g.roleid, g.member, g.grantor, g.admin_option, c.depth + 1
    from chain c
    join granted g on g.roleid = c.roleid and g.grantor = c.member
    where c.admin_option
        and c.depth < (select count(*) from granted)
),
statement as (
    select 1 as step, r.rolname::text as key, format('create role %I', r.rolname) as line
    from role r
    where not r.bootstrap
    union all
    select
        2,
        r.rolname::text,
        format('alter role %I with %s', r.rolname, concat_ws(
            ' ',
            case when r.rolsuper then 'superuser' else 'nosuperuser' end,
            case when r.rolinherit then 'inherit' else 'noinherit' end,
            case when r.rolcreaterole then 'createrole' else 'nocreaterole' end,
            case when r.rolcreatedb then 'createdb' else 'nocreatedb' end,
            case when r.rolcanlogin then 'login' else 'nologin' end,
            case when r.rolreplication then 'replication' else 'noreplication' end,
            case when r.rolbypassrls then 'bypassrls' else 'nobypassrls' end,
            format('connection limit %s', r.rolconnlimit),
            case when r.rolvaliduntil is not null then format('valid until %L', r.rolvaliduntil) end
        ))
    from role r
    union all
    select
        3,
        pg_catalog.lpad(coalesce((
            select pg_catalog.min(c.depth)
            from chain c
            where c.roleid = m.roleid
                and c.member = m.member
                and c.grantor = m.grantor
        ), 0)::text, 9, '0') || ' ' || m.key,
        format(
            'grant %I to %I%s granted by %I',
            pg_catalog.pg_get_userbyid(m.roleid),
            pg_catalog.pg_get_userbyid(m.member),
            case
                when to_jsonb(m) ? 'inherit_option' then format(
                    ' with admin %s, inherit %s, set %s',
                    to_jsonb(m) ->> 'admin_option', to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option'
                )
                when m.admin_option then ' with admin option'
                else ''
            end,
            pg_catalog.pg_get_userbyid(m.grantor)
        )
    from granted m
    union all
    select
        5,
        s.setrole::text || split_part(entry, '=', 1),
        format(
            'alter %s%s set %s to %s',
            case s.setrole when 0 then
                case s.setdatabase when 0 then 'role all' else format('database %I', current_database()) end
                else format('role %I', pg_catalog.pg_get_userbyid(s.setrole))
            end,
            case when s.setdatabase <> 0 and s.setrole <> 0 then format(' in database %I', current_database()) else '' end,
            (
                select string_agg(format('%I', part), '.')
                from unnest(string_to_array(split_part(entry, '=', 1), '.')) part
            ),
            case
                when split_part(entry, '=', 1) ~* '(passw|secret|token|credential|apikey|api_key|private)' then quote_literal('hidden')
                -- Each element is quoted by itself: SET … FROM CURRENT stored the list as one text, with anything in it.
                when split_part(entry, '=', 1) in (
                    'search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries'
                ) then coalesce((
                    select string_agg(quote_literal(element.name), ', ' order by part.place)
                    from regexp_matches(
                        substr(entry, strpos(entry, '=') + 1), '"(?:[^"]|"")*"|[^,[:space:]]+', 'g'
                    ) with ordinality part (found, place)
                    cross join lateral (
                        select case
                            when pg_catalog.starts_with(part.found[1], '"')
                                then replace(substr(part.found[1], 2, length(part.found[1]) - 2), '""', '"')
                            when split_part(entry, '=', 1) in ('search_path', 'temp_tablespaces')
                                then lower(part.found[1] collate "C")
                            else part.found[1]
                        end as name
                    ) element
                    where element.name <> ''
                ), quote_literal(''))
                else quote_literal(substr(entry, strpos(entry, '=') + 1))
            end
        )
    from pg_catalog.pg_db_role_setting s
    cross join lateral unnest(s.setconfig) entry
    where s.setdatabase in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))
    union all
    select
        6,
        '',
        format('alter database %I owner to %I', b.datname, pg_catalog.pg_get_userbyid(b.datdba))
    from pg_catalog.pg_database b
    where b.datname = current_database()
    union all
    select 7, '', format('revoke all on database %I from public, %I', b.datname, pg_catalog.pg_get_userbyid(b.datdba))
    from pg_catalog.pg_database b
    where b.datname = current_database()
        and b.datacl is not null
    union all
    -- A superuser's grant counts as the owner's. To grant as somebody else, one must be that role.
    select
        case when x.grantor = b.datdba then 8 else 9 end,
        x.privilege_type || x.grantee::text,
        case when x.grantor = b.datdba then '' else format('set role %I; ', pg_catalog.pg_get_userbyid(x.grantor)) end
            || format(
                'grant %s on database %I to %s%s',
                x.privilege_type,
                b.datname,
                case x.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) end,
                case when x.is_grantable and x.grantee <> b.datdba then ' with grant option' else '' end
            )
            || case when x.grantor = b.datdba then '' else '; reset role' end
    from pg_catalog.pg_database b
    cross join lateral aclexplode(b.datacl) x
    where b.datname = current_database()
    union all
    select 9, '', format('alter database %I connection limit %s', b.datname, b.datconnlimit)
    from pg_catalog.pg_database b
    where b.datname = current_database()
        and b.datconnlimit > 0
    union all
    select
        9,
        d.objoid::text,
        case d.classoid when 'pg_catalog.pg_database'::regclass
            then format('comment on database %I is %L', current_database(), d.description)
            else format('comment on role %I is %L', pg_catalog.pg_get_userbyid(d.objoid), d.description)
        end
    from pg_catalog.pg_shdescription d
    where (d.classoid = 'pg_catalog.pg_authid'::regclass and d.objoid >= 16384)
        or (
            d.classoid = 'pg_catalog.pg_database'::regclass
            and d.objoid = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
        )
)
select line
from statement
order by step, key collate "C", line
