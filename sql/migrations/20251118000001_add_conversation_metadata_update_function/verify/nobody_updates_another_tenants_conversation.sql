-- check: writes
-- A conversation without a domain belongs to nobody: every caller but service_role must be unable to change it.
insert into public.conversations (id, session_id, metadata)
values ('00000000-0000-4000-8000-00000000c001', 'check', '{}');

select
    set_config(
        'request.jwt.claims',
        jsonb_build_object(
            'sub',
            coalesce(
                (select user_id from public.organization_members where status = 'active' limit 1),
                '00000000-0000-0000-0000-000000000001'
            ),
            'role', 'authenticated'
        )::text,
        true
    ),
    set_config('request.jwt.claim.sub', '', true);
set local role authenticated;
select public.update_conversation_metadata('00000000-0000-4000-8000-00000000c001', '{"stolen": true}');
reset role;

select 'a user changed a conversation that is not theirs' as problem, metadata
from public.conversations
where id = '00000000-0000-4000-8000-00000000c001'
    and metadata <> '{}';
