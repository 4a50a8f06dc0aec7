alter table public.t drop column b2;
