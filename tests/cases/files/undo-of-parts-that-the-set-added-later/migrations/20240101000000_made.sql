create table public.s (id int primary key, n int, m int);
alter table public.s enable row level security;
