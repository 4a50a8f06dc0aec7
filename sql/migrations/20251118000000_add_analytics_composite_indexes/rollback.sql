-- Scenario 1 of the guide, performance degradation. Each statement is a transaction of its own.
drop index concurrently if exists public.idx_scraped_pages_domain_status_created;
drop index concurrently if exists public.idx_chat_telemetry_model_duration;
drop index concurrently if exists public.idx_chat_telemetry_domain_cost_created;
