create table public.t (id int primary key, s text);
alter table public.t enable row level security;
