-- +micrate Up
create table a (id int);
-- +micrate Down
drop table a;
