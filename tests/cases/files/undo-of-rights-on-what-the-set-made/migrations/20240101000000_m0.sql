create table public.t(a int primary key, b text, c text); create function public.f(a int) returns int language sql as $$ select a $$;
