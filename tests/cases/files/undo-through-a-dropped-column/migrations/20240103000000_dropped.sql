alter table public.w drop column t;
alter table public.v drop column t;
alter table public.u drop column t;
alter table public.s drop column t;
