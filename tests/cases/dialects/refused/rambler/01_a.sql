-- rambler up
create table a (id int);
-- rambler down
drop table a;
