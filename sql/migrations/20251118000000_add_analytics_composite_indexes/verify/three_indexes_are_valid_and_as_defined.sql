-- pg_indexes lists the remains of a failed concurrent build as well, hence pg_index.
with expected (index_name, definition) as (
    values
        (
            'idx_chat_telemetry_domain_cost_created',
            'CREATE INDEX idx_chat_telemetry_domain_cost_created ON public.chat_telemetry'
                ' USING btree (created_at, domain) INCLUDE (cost_usd, duration_ms)'
        ),
        (
            'idx_chat_telemetry_model_duration',
            'CREATE INDEX idx_chat_telemetry_model_duration ON public.chat_telemetry'
                ' USING btree (model, created_at) INCLUDE (duration_ms)'
        ),
        (
            'idx_scraped_pages_domain_status_created',
            'CREATE INDEX idx_scraped_pages_domain_status_created ON public.scraped_pages'
                ' USING btree (domain_id, status, created_at)'
        )
)
select
    e.index_name,
    case
        when i.indexrelid is null then 'the index does not exist'
        when not (i.indisvalid and i.indisready and i.indislive)
            then 'the index is not valid: its build failed or has not ended'
        else 'the index is defined otherwise'
    end as problem,
    e.definition as expected,
    pg_catalog.pg_get_indexdef(i.indexrelid) as found
from expected e
left join pg_catalog.pg_index i on i.indexrelid = pg_catalog.to_regclass('public.' || e.index_name)
where i.indexrelid is null
    or not (i.indisvalid and i.indisready and i.indislive)
    or pg_catalog.pg_get_indexdef(i.indexrelid) <> e.definition;
