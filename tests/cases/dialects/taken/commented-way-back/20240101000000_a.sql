create table a (id int);
-- Rollback:
-- drop table a;
