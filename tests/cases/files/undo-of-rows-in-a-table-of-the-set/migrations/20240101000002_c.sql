with s as (select 2 as id) insert into public.a select id, 'y' from s on conflict (id) do update set v = excluded.v;
