-- The usual pause between two samples of the monitor, in seconds: the middle one of the last 30. Null where there are too few to tell.
with pause as (
    select s.taken_at - pg_catalog.lag(s.taken_at) over (order by s.id) as lasted
    from (
        select n.id, n.taken_at
        from deploy_ledger.sample n
        order by n.id desc
        limit 31
    ) s
)
select extract(epoch from pg_catalog.percentile_disc(0.5) within group (order by p.lasted))::float8
from pause p
having pg_catalog.count(p.lasted) >= 4
