-- The guide's first benchmark.
select domain, count(*), sum(cost_usd), avg(duration_ms)
from public.chat_telemetry
where created_at > now() - interval '7 days'
group by domain;
