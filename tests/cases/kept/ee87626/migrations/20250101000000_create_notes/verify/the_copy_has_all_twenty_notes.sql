-- check: rehearsal
select count(*) as found, 20 as expected from public.notes having count(*) <> 20;
