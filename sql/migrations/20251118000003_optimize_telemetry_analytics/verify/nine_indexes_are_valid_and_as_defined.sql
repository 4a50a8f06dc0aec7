with expected (view_name, index_name, columns, is_unique) as (
    values
        ('chat_telemetry_domain_summary', 'idx_chat_telemetry_domain_summary_domain', '(domain)', true),
        ('chat_telemetry_domain_summary', 'idx_chat_telemetry_domain_summary_cost', '(cost_usd DESC)', false),
        ('chat_telemetry_domain_summary', 'idx_chat_telemetry_domain_summary_cost_7d', '(cost_usd_7d DESC)', false),
        ('chat_telemetry_domain_summary', 'idx_chat_telemetry_domain_summary_requests_7d', '(requests_7d DESC)', false),
        ('chat_telemetry_domain_summary', 'idx_chat_telemetry_domain_summary_last_request', '(last_request_at DESC)', false),
        ('chat_telemetry_model_summary', 'idx_chat_telemetry_model_summary_model_day', '(model, day)', true),
        ('chat_telemetry_model_summary', 'idx_chat_telemetry_model_summary_day', '(day DESC)', false),
        ('chat_telemetry_model_summary', 'idx_chat_telemetry_model_summary_cost', '(cost_usd DESC)', false),
        ('chat_telemetry_model_summary', 'idx_chat_telemetry_model_summary_p95', '(p95_duration_ms DESC)', false)
),

compared as (
    select
        e.index_name,
        i.indisvalid and i.indisready as valid,
        format(
            'CREATE %sINDEX %s ON public.%s USING btree %s',
            case when e.is_unique then 'UNIQUE ' end, e.index_name, e.view_name, e.columns
        ) as expected,
        pg_catalog.pg_get_indexdef(i.indexrelid) as found
    from expected e
    left join pg_catalog.pg_index i on i.indexrelid = pg_catalog.to_regclass('public.' || e.index_name)
)

select
    index_name,
    case
        when found is null then 'the index does not exist'
        when not valid then 'the index is not valid'
        else 'the index is defined otherwise'
    end as problem,
    expected,
    found
from compared
where found is distinct from expected
    or not valid;
