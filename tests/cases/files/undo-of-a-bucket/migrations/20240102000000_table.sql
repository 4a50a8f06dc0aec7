create table public.kinds (id int primary key, name text not null);
alter table public.kinds enable row level security;
insert into public.kinds values (1, 'a');
