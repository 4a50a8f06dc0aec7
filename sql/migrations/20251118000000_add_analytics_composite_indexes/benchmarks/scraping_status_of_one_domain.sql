-- The domain with the most pages, and what its dashboard asks for: how many of each status, since when.
select set_config(
    'benchmark.domain_id',
    coalesce(
        (select domain_id::text from public.scraped_pages group by domain_id order by count(*) desc, domain_id limit 1),
        '00000000-0000-0000-0000-000000000000'
    ),
    true
);
select status, count(*), max(created_at)
from public.scraped_pages
where domain_id = current_setting('benchmark.domain_id')::uuid
group by status;
