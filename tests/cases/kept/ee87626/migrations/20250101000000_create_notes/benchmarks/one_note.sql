select * from public.notes where id = 7;
