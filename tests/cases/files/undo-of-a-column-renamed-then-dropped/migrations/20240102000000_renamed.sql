alter table public.t rename column a to a2;
alter table public.t rename column b to b2;
