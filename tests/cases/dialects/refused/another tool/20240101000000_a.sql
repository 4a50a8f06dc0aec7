create table shops (id int);

-- === ROLLBACK ===
drop table if exists shops;
