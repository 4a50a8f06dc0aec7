drop index if exists public.notes_body;
