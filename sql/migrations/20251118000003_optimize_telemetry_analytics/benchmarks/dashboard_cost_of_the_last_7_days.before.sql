set local role service_role;
select domain, count(*) as requests_7d, sum(cost_usd) as cost_usd_7d, round(avg(duration_ms), 2) as avg_duration_ms_7d
from public.chat_telemetry
where created_at > now() - interval '7 days'
group by domain
order by cost_usd_7d desc
limit 20;
