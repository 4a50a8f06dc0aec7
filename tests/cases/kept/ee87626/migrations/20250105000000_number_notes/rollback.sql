alter table public.notes drop column if exists number;
