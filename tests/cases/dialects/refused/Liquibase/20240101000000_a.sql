--liquibase formatted sql
--changeset ada:1
create table a (id int);
--rollback drop table a;
