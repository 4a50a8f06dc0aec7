-- Deploy shop:a to pg
begin;
create table a (id int);
commit;
