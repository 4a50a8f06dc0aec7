-- One conversation in 997 has no domain, one in 500 no metadata.
insert into public.conversations (id, domain_id, session_id, metadata, started_at, last_message_at, ended_at)
select
    pg_temp.key('conversation', i),
    case
        when i % 997 = 0 then null
        else pg_temp.key('domain', pg_temp.domain_of(i, 41, plan.large_domains, plan.domains))
    end,
    'session-' || md5('session:' || i),
    case
        when i % 500 = 0 then null
        else jsonb_build_object(
            'session_metadata', jsonb_build_object(
                'turn', (pg_temp.unit(i, 42) * 12)::integer,
                'language', pg_temp.pick(i, 43, '{en,de,fr,pt}'),
                'referrer', 'https://' || pg_temp.pick(i, 44, '{www.google.com,news.example.com,duckduckgo.com}') || '/'
            ),
            'customer', jsonb_build_object('email', 'customer' || i % 9973 || '@example.org', 'verified', i % 3 = 0),
            'entities', jsonb_build_object('order', 'O-' || i, 'products', jsonb_build_array('P-' || i % 811, 'P-' || i % 613)),
            'tags', to_jsonb(array[pg_temp.pick(i, 45, '{support,sales,returns,shipping}')])
        )
    end,
    started.at,
    started.at + interval '10 minutes',
    case when i % 4 <> 0 then started.at + interval '40 minutes' end
from
    plan,
    generate_series(1, plan.conversations) as i,
    lateral (select plan.base - interval '1 hour' - pg_temp.unit(i, 46) * interval '90 days' as at) as started;

insert into public.messages (id, conversation_id, role, content, metadata, created_at)
select
    pg_temp.key('message', i),
    pg_temp.key('conversation', conversation.number),
    case when i % 2 = 0 then 'assistant' else 'user' end,
    case
        when i % 2 = 0 then 'Thank you for asking. Order O-' || conversation.number || ' left our house and should arrive within '
            || 1 + i % 5 || ' days; you find its tracking code ' || left(md5('parcel:' || i), 12) || ' in your account.'
        else 'Hello, where is my order O-' || conversation.number || '? I bought '
            || pg_temp.pick(i, 52, '{two lamps,a chair,one desk,four candles}') || ' last week.'
    end,
    case when i % 5 = 0 then jsonb_build_object('tokens', 20 + i % 180, 'sources', i % 4) end,
    plan.base - interval '1 hour' - pg_temp.unit(conversation.number, 46) * interval '90 days' + (i % 20) * interval '30 seconds'
from
    plan,
    generate_series(1, plan.messages) as i,
    lateral (select 1 + floor(pg_temp.unit(i, 51) * plan.conversations)::bigint as number) as conversation;
