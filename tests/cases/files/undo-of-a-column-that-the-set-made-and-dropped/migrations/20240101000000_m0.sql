create table public.t(a int primary key, b text);
