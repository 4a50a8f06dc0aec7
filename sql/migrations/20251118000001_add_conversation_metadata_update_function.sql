-- One call in place of "read the metadata, change it in the application, write it back", which loses what others wrote
-- meanwhile.
--
-- The patch is merged at every depth: an object in it is merged into the object of that name, anything else replaces what
-- was there. A null in the patch is a value like any other and is stored; no key is ever removed, siblings never change.
-- Returns the metadata as stored, or null where the caller may update no such conversation. The rights and policies are
-- the caller's.
create function public.update_conversation_metadata(p_conversation_id uuid, p_metadata jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
-- The planner takes the recursion below for a million rows; compiling it would cost 10 ms a call, running it takes half of
-- one.
set jit = off
as $function$
declare
    merged jsonb;
    step record;
begin
    if p_metadata is null or jsonb_typeof(p_metadata) <> 'object' then
        raise exception 'the patch must be a JSON object, not %', coalesce(jsonb_typeof(p_metadata), 'NULL')
            using errcode = 'invalid_parameter_value', hint = 'Pass the keys to set, e.g. {"language": "en"}.';
    end if;

    -- Holding the row, a second writer waits here and then merges into what the first one wrote. Computed inside UPDATE, a
    -- recursive query would see the row as it was before the wait: of 800 updates by eight writers hundreds were lost.
    select coalesce(nullif(c.metadata, 'null'), '{}') into merged
    from public.conversations c
    where c.id = p_conversation_id
    for no key update;

    if not found then
        return null;
    end if;
    if jsonb_typeof(merged) <> 'object' then
        raise exception 'the metadata of conversation "%" is not a JSON object', p_conversation_id
            using errcode = 'invalid_parameter_value', hint = 'Repair the row first: a merge would destroy what it holds.';
    end if;

    -- Parents come before their children, so that the path exists when a child is set.
    for step in
        with recursive node (path, value) as (
            select array[entry.key], entry.value
            from jsonb_each(p_metadata) as entry
            union all
            select node.path || entry.key, entry.value
            from node
            cross join lateral jsonb_each(
                case jsonb_typeof(node.value) when 'object' then node.value else '{}' end
            ) as entry
        )

        select node.path, node.value
        from node
        order by cardinality(node.path)
    loop
        if jsonb_typeof(step.value) <> 'object' then
            merged := jsonb_set(merged, step.path, step.value);
        elsif jsonb_typeof(merged #> step.path) is distinct from 'object' then
            merged := jsonb_set(merged, step.path, '{}');
        end if;
    end loop;

    update public.conversations c
    set metadata = merged
    where c.id = p_conversation_id
    returning c.metadata into merged;

    return merged;
end
$function$;

comment on function public.update_conversation_metadata(uuid, jsonb) is
    'Merges a JSON object into a conversation''s metadata at every depth, atomically, as the caller.';

-- By default every new function may be executed by everybody.
revoke all on function public.update_conversation_metadata(uuid, jsonb) from public, anon;
grant execute on function public.update_conversation_metadata(uuid, jsonb) to authenticated, service_role;
