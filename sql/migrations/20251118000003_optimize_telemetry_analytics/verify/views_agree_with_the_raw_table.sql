-- On a live target the views may differ by what was written since they were filled. Rows whose transaction is younger than
-- the views are known by xmin and left out. Half a per cent is allowed for rows that were deleted since, and for the old
-- versions of rows that were updated. The rehearsal compares every figure exactly.
with shown (view_name, requests, cost_usd, filled_by) as (
    select 'chat_telemetry_domain_summary', sum(requests), sum(cost_usd), max(age(xmin))
    from public.chat_telemetry_domain_summary
    union all
    select 'chat_telemetry_model_summary', sum(requests), sum(cost_usd), max(age(xmin))
    from public.chat_telemetry_model_summary
),

-- One pass over the table for both views: a migration fills them in one transaction, and so does the job.
raw as (
    select
        count(*) filter (where age(t.xmin) >= filled.by) as old_rows,
        count(*) filter (where age(t.xmin) < filled.by) as young_rows,
        coalesce(sum(t.cost_usd) filter (where age(t.xmin) >= filled.by), 0) as old_cost_usd,
        coalesce(sum(t.cost_usd) filter (where age(t.xmin) < filled.by), 0) as young_cost_usd
    from public.chat_telemetry t
    cross join (select max(filled_by) as by from shown) as filled
)

select
    shown.view_name,
    'the view is off by more than what was written since it was filled' as problem,
    shown.requests as requests_in_the_view,
    raw.old_rows as rows_in_the_table,
    raw.young_rows as rows_written_since,
    shown.cost_usd as cost_in_the_view,
    raw.old_cost_usd as cost_in_the_table
from shown
cross join raw
where shown.filled_by is not null
    and (
        abs(shown.requests - raw.old_rows) > raw.young_rows + 0.005 * (raw.old_rows + raw.young_rows) + 20
        or abs(shown.cost_usd - raw.old_cost_usd)
        > raw.young_cost_usd + 0.005 * (raw.old_cost_usd + raw.young_cost_usd) + 1
    );
