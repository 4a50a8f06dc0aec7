-- rollback
drop table if exists b;
create table b (id int, note text default '
-- migrate:down
drop table b;
');
create function f() returns void language plpgsql as $f$
begin
    -- +goose Down
    perform 1;
end $f$;
