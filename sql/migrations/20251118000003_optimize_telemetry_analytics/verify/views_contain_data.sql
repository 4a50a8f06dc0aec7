-- An empty table makes empty views; rows of the last hour may be younger than the views.
select view_name, 'the view is empty, the table is not' as problem
from (
    select 'chat_telemetry_domain_summary' as view_name, exists (select from public.chat_telemetry_domain_summary) as filled
    union all
    select 'chat_telemetry_model_summary', exists (select from public.chat_telemetry_model_summary)
) as v
where not filled
    and exists (select from public.chat_telemetry where created_at < now() - interval '1 hour');
