select set_config(
    'benchmark.model',
    coalesce((select max(model) from (select model from public.chat_telemetry limit 1000) as sample), 'example'),
    true
);
select count(*), avg(duration_ms), percentile_cont(0.95) within group (order by duration_ms)
from public.chat_telemetry
where model = current_setting('benchmark.model')
    and created_at > now() - interval '7 days';
