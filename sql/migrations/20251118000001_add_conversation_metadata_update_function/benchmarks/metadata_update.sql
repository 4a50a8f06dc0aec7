-- benchmark: writes
-- How much the saved round trip brings (the guide: 15-30 ms) depends on the network between application and database. This
-- times the server's own share.
select set_config(
    'benchmark.conversation_id',
    coalesce(
        (select id::text from public.conversations where metadata is not null limit 1),
        '00000000-0000-0000-0000-000000000000'
    ),
    true
);
select public.update_conversation_metadata(
    current_setting('benchmark.conversation_id')::uuid,
    '{"session_metadata": {"language": "en", "turn": 7}}'
);
