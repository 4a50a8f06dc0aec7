-- The guide's second benchmark, as the role that serves the dashboards.
set local role service_role;
select * from public.chat_telemetry_domain_summary;
