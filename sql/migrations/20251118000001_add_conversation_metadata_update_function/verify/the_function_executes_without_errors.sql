-- check: writes
-- The guide's own test: nobody has this id, so that the answer is null and no row changes.
with answer as (
    select public.update_conversation_metadata('00000000-0000-0000-0000-000000000000', '{"test": true}') as metadata
)

select 'a conversation that does not exist was updated' as problem, metadata
from answer
where metadata is not null;
