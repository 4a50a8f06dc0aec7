-- // a
create table a (id int);
-- //@UNDO
drop table a;
