alter table public.t drop column c;
