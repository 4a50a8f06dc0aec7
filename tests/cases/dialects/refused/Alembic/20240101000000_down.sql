begin;
-- Running downgrade 1975ea83b712 ->
drop table account;
commit;
