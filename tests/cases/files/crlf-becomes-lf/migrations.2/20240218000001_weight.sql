alter table public.parts add column weight numeric;
