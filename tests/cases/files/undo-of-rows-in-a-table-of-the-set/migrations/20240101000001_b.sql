insert into public.a values (1,'x');
