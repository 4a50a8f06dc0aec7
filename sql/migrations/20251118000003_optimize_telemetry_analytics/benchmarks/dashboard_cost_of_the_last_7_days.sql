set local role service_role;
select domain, requests_7d, cost_usd_7d, avg_duration_ms_7d
from public.chat_telemetry_domain_summary
order by cost_usd_7d desc
limit 20;
