alter table public.t drop column s;
alter table public.t add column s int;
