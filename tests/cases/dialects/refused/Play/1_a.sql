# --- !Ups
create table a (id int);
# --- !Downs
drop table a;
