select set_config(
    'benchmark.domain',
    coalesce((select domain from public.chat_telemetry tablesample system (1) repeatable (1) limit 1), 'example.com'),
    true
);
select count(*), sum(cost_usd), avg(duration_ms)
from public.chat_telemetry
where domain = current_setting('benchmark.domain')
    and created_at > now() - interval '7 days';
