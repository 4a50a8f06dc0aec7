alter table public.notes add column number integer;
update public.notes set number = id;
