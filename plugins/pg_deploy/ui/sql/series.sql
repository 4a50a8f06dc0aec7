-- What the monitor measured since a moment, in steps: the highest and lowest value of each object, and its limit.
with picked as materialized (
    select
        s.id,
        floor(extract(epoch from s.taken_at) / %(step)s)::bigint * %(step)s as at
    from deploy_ledger.sample s
    where s.taken_at >= %(since)s
)
select
    m.measure,
    p.at,
    r.object,
    max(r.value) as highest,
    min(r.value) as lowest,
    max((r.detail ->> 'limit_s')::double precision) as limit_s
from picked p
join deploy_ledger.measurement m on m.sample_id = p.id
cross join lateral jsonb_to_recordset(m.rows) as r (object text, value double precision, detail jsonb)
where m.measure = any (%(measures)s)
    and m.problem is null
    and r.value is not null
group by m.measure, p.at, r.object
order by m.measure, p.at, r.object
