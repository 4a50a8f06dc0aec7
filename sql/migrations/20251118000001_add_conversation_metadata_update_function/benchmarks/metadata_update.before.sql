-- benchmark: writes
-- As the application did it: read the metadata, change it, write all of it back.
select set_config(
    'benchmark.conversation_id',
    coalesce(
        (select id::text from public.conversations where metadata is not null limit 1),
        '00000000-0000-0000-0000-000000000000'
    ),
    true
);
do $$
declare
    changed jsonb;
begin
    select metadata || '{"session_metadata": {"language": "en", "turn": 7}}' into changed
    from public.conversations
    where id = current_setting('benchmark.conversation_id')::uuid;

    update public.conversations
    set metadata = changed
    where id = current_setting('benchmark.conversation_id')::uuid;
end
$$;
