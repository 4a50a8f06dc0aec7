-- Scenario 3 of the guide, materialized view issues. The job goes first: without its views it would fail every hour.
select cron.unschedule(j.jobid)
from cron.job j
where j.jobname = 'refresh-chat-telemetry-views';
drop materialized view if exists public.chat_telemetry_model_summary;
drop materialized view if exists public.chat_telemetry_domain_summary;
