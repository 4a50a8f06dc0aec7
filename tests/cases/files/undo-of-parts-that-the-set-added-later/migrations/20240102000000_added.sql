alter table public.s add constraint n_pos check (n >= 0);
alter table public.s drop column m;
