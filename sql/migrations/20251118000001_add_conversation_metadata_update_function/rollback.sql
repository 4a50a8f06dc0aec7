drop function if exists public.update_conversation_metadata(uuid, jsonb);
