-- Three indexes for the analytics dashboards, built without blocking writers.

-- Cost per domain over a time range. Time leads, because every such query has a range and most ask for all domains; new
-- rows then go to the right edge of the index. cost_usd and duration_ms ride along, so that the table is not read.
create index concurrently idx_chat_telemetry_domain_cost_created
    on public.chat_telemetry (created_at, domain)
    include (cost_usd, duration_ms);

-- Speed of one model over a time range.
create index concurrently idx_chat_telemetry_model_duration
    on public.chat_telemetry (model, created_at)
    include (duration_ms);

-- State of scraping of one domain: pages by status, and the latest ones of a status.
create index concurrently idx_scraped_pages_domain_status_created
    on public.scraped_pages (domain_id, status, created_at);
