-- The share of the server's connections that clients use, in per cent, and who uses them.
with client as (
    select
        coalesce(a.usename::text, 'unknown') as role,
        coalesce(a.state, 'not visible') as state
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend'
        or (a.backend_type is null and a.datid is not null)
), allowed as (
    select current_setting('max_connections')::integer as most
)
select
    'the server' as object,
    round(100.0 * (select count(*) from client) / a.most, 1) as value,
    '%' as unit,
    jsonb_build_object(
        'used', (select count(*) from client),
        'most', a.most,
        'by_state', (select jsonb_object_agg(s.state, s.n) from (select state, count(*) as n from client group by state) s),
        'by_role', (select jsonb_object_agg(r.role, r.n) from (
            select role, count(*) as n from client group by role order by 2 desc, 1 limit 10
        ) r),
        'cause', format('%s of %s connections are in use, most of them by %s', (select count(*) from client), a.most, (
            select string_agg(format('%s (%s)', r.role, r.n), ', ' order by r.n desc, r.role) from (
                select role, count(*) as n from client group by role order by 2 desc, 1 limit 3
            ) r
        ))
    ) as detail
from allowed a
