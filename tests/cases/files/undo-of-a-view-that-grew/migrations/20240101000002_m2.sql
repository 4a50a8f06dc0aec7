create or replace view public.v as select t.* from public.t;
