create table public.t(a int primary key, b text); create view public.v as select t.* from public.t;
