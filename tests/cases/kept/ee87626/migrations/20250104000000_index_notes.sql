create index concurrently notes_body on public.notes (body);
comment on index public.notes_body is 'for the search';
