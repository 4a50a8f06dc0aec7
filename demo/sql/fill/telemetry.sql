-- In the order of time, as a service writes it, up to the minute of the fill.
insert into public.chat_telemetry (
    id, session_id, domain, model, input_tokens, output_tokens, cost_usd, duration_ms, success, error, metadata, created_at
)
select
    pg_temp.key('telemetry', i),
    'session-' || md5('session:' || 1 + i % plan.conversations),
    pg_temp.domain_name(pg_temp.domain_of(i, 61, plan.large_domains, plan.domains)),
    used.model,
    used.input_tokens,
    used.output_tokens,
    round(
        (used.input_tokens * 3 + used.output_tokens * 12)
            / case when used.model like '%mini' or used.model like '%haiku' then 12000000 else 1000000 end::numeric,
        6
    ),
    (180 + 5200 * power(pg_temp.unit(i, 65), 4))::integer,
    i % 61 <> 0,
    case when i % 61 = 0 then 'the model gave no answer in time' end,
    jsonb_build_object('cache_hit', i % 3 = 0, 'search_results', i % 9, 'region', pg_temp.pick(i, 66, '{eu-central-1,us-east-1}')),
    plan.base - interval '90 days' * ((plan.telemetry - i)::double precision / plan.telemetry)
from
    plan,
    generate_series(1, plan.telemetry) as i,
    lateral (
        select
            pg_temp.pick(i, 62, '{gpt-4o-mini,gpt-4o-mini,gpt-4o-mini,gpt-4o,claude-3-5-sonnet,claude-3-5-haiku,gpt-4-turbo}') as model,
            120 + (pg_temp.unit(i, 63) * 2400)::integer as input_tokens,
            20 + (pg_temp.unit(i, 64) * 700)::integer as output_tokens
    ) as used;
