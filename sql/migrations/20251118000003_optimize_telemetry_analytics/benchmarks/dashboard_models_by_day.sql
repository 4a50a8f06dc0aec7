set local role service_role;
select model, day, requests, failed_requests, cost_usd, avg_duration_ms, p95_duration_ms
from public.chat_telemetry_model_summary
order by day desc, model;
