alter table public.t drop column c; drop function public.f(int); create function public.f(a int, b int) returns int language sql as $$ select a + b $$;
