-- check: writes
insert into public.notes (owner, body) values ('00000000-0000-0000-0000-000000000001', 'one more');
select 'it is not there' as problem where not exists (select from public.notes where body = 'one more');
