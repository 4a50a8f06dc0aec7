-- check: writes
-- The earlier way of writing metadata must work beside the new one, for the roles that the application uses.
insert into public.conversations (id, domain_id, session_id, metadata)
values ('00000000-0000-4000-8000-00000000c001', (select id from public.domains limit 1), 'check', '{"turn": 1}');

set local role service_role;
update public.conversations
set metadata = metadata || '{"language": "en"}', ended_at = now()
where id = '00000000-0000-4000-8000-00000000c001';
select public.update_conversation_metadata('00000000-0000-4000-8000-00000000c001', '{"turn": 2}');
reset role;

-- As a user who may read that domain, if there is one.
select
    set_config(
        'request.jwt.claims',
        coalesce(
            (
                select jsonb_build_object('sub', m.user_id, 'role', 'authenticated')::text
                from public.conversations c
                join public.domains d on d.id = c.domain_id
                join public.organization_members m on m.organization_id = d.organization_id and m.status = 'active'
                where c.id = '00000000-0000-4000-8000-00000000c001'
                limit 1
            ),
            ''
        ),
        true
    ),
    set_config('request.jwt.claim.sub', '', true);
set local role authenticated;
update public.conversations
set last_message_at = now()
where id = '00000000-0000-4000-8000-00000000c001';
select public.update_conversation_metadata('00000000-0000-4000-8000-00000000c001', '{"seen": true}');
reset role;

select problem, metadata
from (
    select
        c.metadata,
        case
            when c.id is null then 'the conversation is gone'
            when c.ended_at is null or not (c.metadata @> '{"language": "en"}') then 'service_role can no longer update it'
            when not (c.metadata @> '{"turn": 2}') then 'the function does not update it for service_role'
            when current_setting('request.jwt.claims') = '' then null
            when c.last_message_at is null then 'a member of its organization can no longer update it'
            when not (c.metadata @> '{"seen": true}') then 'the function does not update it for a member of its organization'
        end as problem
    from (values ('00000000-0000-4000-8000-00000000c001'::uuid)) as expected (id)
    left join public.conversations c on c.id = expected.id
) as looked_at
where problem is not null;
