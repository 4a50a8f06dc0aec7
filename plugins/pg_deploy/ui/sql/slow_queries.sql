-- The mean time, in ms, of the slowest query and of the query that took the most time in all, in steps since a moment.
with picked as materialized (
    select
        s.id,
        floor(extract(epoch from s.taken_at) / %(step)s)::bigint * %(step)s as at
    from deploy_ledger.sample s
    where s.taken_at >= %(since)s
), listed as (
    select
        p.at,
        r.value,
        r.detail ->> 'list' as list,
        row_number() over (
            partition by p.id, r.detail ->> 'list'
            order by (r.detail ->> 'total_ms')::double precision desc
        ) as place
    from picked p
    join deploy_ledger.measurement m on m.sample_id = p.id
    cross join lateral jsonb_to_recordset(m.rows) as r (object text, value double precision, detail jsonb)
    where m.measure = 'top_queries'
        and m.problem is null
        and r.value is not null
)
select
    l.at,
    max(l.value) filter (where l.list = 'mean') as slowest,
    max(l.value) filter (where l.list = 'total' and l.place = 1) as most_time
from listed l
group by l.at
order by l.at
