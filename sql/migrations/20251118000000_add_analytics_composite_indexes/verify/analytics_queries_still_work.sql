-- check: writes
-- The queries go through the indexes, because only there a wrong index gives wrong answers. Nobody has the domain, so that
-- the figures are exact whatever else is written meanwhile. Pages need a real domain: an address of our own tells them apart.
set local enable_seqscan = off;
set local enable_bitmapscan = off;

insert into public.chat_telemetry
    (session_id, domain, model, input_tokens, output_tokens, cost_usd, duration_ms, created_at)
select 'check', 'check.invalid', 'check-model', 10, 20, cost, duration, now() - age
from (
    values (0.25, 100, interval '1 hour'), (0.50, 300, interval '6 days'), (8.00, 9000, interval '8 days')
) as example (cost, duration, age);

insert into public.scraped_pages (domain_id, url, status, created_at)
select d.id, 'https://check.invalid/' || status, status, now() - interval '1 hour'
from (select id from public.domains limit 1) d, unnest(array['completed', 'failed']) as status;

with found (query, expected, found) as (
    select
        'cost and speed of all domains in the last 7 days',
        'check.invalid: 2 rows, 0.75 USD, 200 ms',
        (
            select format('%s: %s rows, %s USD, %s ms', domain, count(*), round(sum(cost_usd), 2), round(avg(duration_ms)))
            from public.chat_telemetry
            where created_at > now() - interval '7 days'
            group by domain
            having domain = 'check.invalid'
        )
    union all
    select
        'cost of one domain in the last 7 days',
        '2 rows, 0.75 USD',
        (
            select format('%s rows, %s USD', count(*), round(sum(cost_usd), 2))
            from public.chat_telemetry
            where domain = 'check.invalid' and created_at > now() - interval '7 days'
        )
    union all
    select
        'speed of one model in the last 7 days',
        '2 rows, 200 ms, 300 ms',
        (
            select format('%s rows, %s ms, %s ms', count(*), round(avg(duration_ms)), max(duration_ms))
            from public.chat_telemetry
            where model = 'check-model' and created_at > now() - interval '7 days'
        )
    union all
    select
        'pages of one domain by status',
        (select 'completed 1, failed 1' from public.domains limit 1),
        (
            select string_agg(status || ' ' || pages, ', ' order by status)
            from (
                select status, count(*) as pages
                from public.scraped_pages
                where domain_id = (select id from public.domains limit 1)
                    and status in ('completed', 'failed')
                    and created_at > now() - interval '2 hours'
                    and url like 'https://check.invalid/%'
                group by status
            ) as counted
        )
)

select query, 'the query no longer gives the right answer' as problem, expected, found
from found
where found is distinct from expected;
