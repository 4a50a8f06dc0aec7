insert into public.scrape_jobs (id, domain_id, status, config, pages_scraped, error, created_at, completed_at)
select
    pg_temp.key('job', i),
    pg_temp.key('domain', pg_temp.domain_of(i, 71, plan.large_domains, plan.domains)),
    made.status,
    jsonb_build_object('max_pages', 50 * (1 + i % 10), 'respect_robots', true),
    case when made.status = 'completed' then 1 + i % 240 else 0 end,
    case when made.status = 'failed' then 'connection refused' end,
    made.at,
    case when made.status in ('completed', 'failed') then made.at + interval '12 minutes' end
from
    plan,
    generate_series(1, plan.jobs) as i,
    lateral (
        select
            pg_temp.pick(i, 72, '{completed,completed,completed,completed,completed,completed,failed,pending,running}') as status,
            plan.base - interval '1 hour' - pg_temp.unit(i, 73) * interval '90 days' as at
    ) as made;

insert into public.scraped_pages (id, domain_id, url, title, content, status, created_at, scraped_at)
select
    pg_temp.key('page', i),
    pg_temp.key('domain', made.domain),
    'https://' || pg_temp.domain_name(made.domain) || '/page/' || i,
    'Page ' || i,
    case when made.status = 'completed' then repeat('The lamp of oak and brass is made to order in four sizes. ', 2 + (i % 6)::integer) end,
    made.status,
    made.at,
    case when made.status = 'completed' then made.at + interval '3 minutes' end
from
    plan,
    generate_series(1, plan.pages) as i,
    lateral (
        select
            pg_temp.domain_of(i, 81, plan.large_domains, plan.domains) as domain,
            pg_temp.pick(i, 82, '{completed,completed,completed,completed,completed,completed,completed,failed,pending}') as status,
            plan.base - interval '1 hour' - pg_temp.unit(i, 83) * interval '90 days' as at
    ) as made;

insert into public.website_content (id, domain_id, url, content_type, content, content_hash, metadata, created_at)
select
    pg_temp.key('content', i),
    pg_temp.key('domain', made.domain),
    'https://' || pg_temp.domain_name(made.domain) || '/page/' || i,
    pg_temp.pick(i, 92, '{product,product,faq,blog,policy}'),
    repeat('Free delivery from 50 euros, returns within thirty days. ', 2 + (i % 5)::integer),
    md5('content hash:' || i),
    jsonb_build_object('words', 20 + i % 900),
    plan.base - pg_temp.unit(i, 93) * interval '90 days'
from
    plan,
    generate_series(1, plan.contents) as i,
    lateral (select pg_temp.domain_of(i, 91, plan.large_domains, plan.domains) as domain) as made;

insert into public.structured_extractions (id, domain_id, url, extract_type, extracted_data, confidence_score, created_at)
select
    pg_temp.key('extraction', i),
    pg_temp.key('domain', made.domain),
    'https://' || pg_temp.domain_name(made.domain) || '/page/' || i,
    pg_temp.pick(i, 102, '{product,product,faq,contact}'),
    jsonb_build_object('name', 'Lamp ' || i, 'price', 10 + i % 490, 'currency', 'EUR', 'in_stock', i % 4 <> 0),
    round((0.5 + pg_temp.unit(i, 103) / 2)::numeric, 3),
    plan.base - pg_temp.unit(i, 104) * interval '90 days'
from
    plan,
    generate_series(1, plan.extractions) as i,
    lateral (select pg_temp.domain_of(i, 101, plan.large_domains, plan.domains) as domain) as made;
