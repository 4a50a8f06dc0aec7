create table public.t (id int primary key, a int, b int);
alter table public.t enable row level security;
