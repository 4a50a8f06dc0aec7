alter table public.t add column c date;
