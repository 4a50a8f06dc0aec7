-- check: writes
-- Runs on conversations of our own, without a domain, which nobody else can see.
insert into public.conversations (id, session_id, metadata)
values
    ('00000000-0000-4000-8000-00000000c001', 'check', '{"customer": {"name": "Ada", "vip": true}, "tags": ["a", "b"]}'),
    ('00000000-0000-4000-8000-00000000c002', 'check', null),
    ('00000000-0000-4000-8000-00000000c003', 'check', '[1, 2]');

do $$
declare
    attempt record;
begin
    for attempt in
        select *
        from (
            values
                ('array', '00000000-0000-4000-8000-00000000c001'::uuid, '[1]'::jsonb),
                ('text', '00000000-0000-4000-8000-00000000c001', '"text"'),
                ('json null', '00000000-0000-4000-8000-00000000c001', 'null'),
                ('NULL', '00000000-0000-4000-8000-00000000c001', null),
                ('object onto an array', '00000000-0000-4000-8000-00000000c003', '{"a": 1}')
        ) as example (name, conversation_id, patch)
    loop
        begin
            perform public.update_conversation_metadata(attempt.conversation_id, attempt.patch);
            perform set_config(
                'check.accepted', concat_ws(', ', nullif(current_setting('check.accepted', true), ''), attempt.name), true
            );
        exception when invalid_parameter_value then
            null;
        end;
    end loop;
end
$$;

select
    public.update_conversation_metadata(
        id,
        '{"customer": {"name": "Eve", "address": {"city": "Bern"}}, "tags": ["c"], "x": null}'
    )
from public.conversations
where id in ('00000000-0000-4000-8000-00000000c001', '00000000-0000-4000-8000-00000000c002');

select problem, expected, found
from (
    select
        'a patch that is not an object was accepted' as problem,
        '' as expected,
        coalesce(current_setting('check.accepted', true), '') as found
    union all
    select
        'the merge gives something else than promised',
        expected.metadata::jsonb::text,
        c.metadata::text
    from (
        values
            (
                '00000000-0000-4000-8000-00000000c001'::uuid,
                '{"customer": {"name": "Eve", "vip": true, "address": {"city": "Bern"}}, "tags": ["c"], "x": null}'
            ),
            (
                '00000000-0000-4000-8000-00000000c002',
                '{"customer": {"name": "Eve", "address": {"city": "Bern"}}, "tags": ["c"], "x": null}'
            ),
            ('00000000-0000-4000-8000-00000000c003', '[1, 2]')
    ) as expected (id, metadata)
    left join public.conversations c on c.id = expected.id
) as compared
where found is distinct from expected;
