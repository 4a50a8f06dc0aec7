-- +goose NO TRANSACTION
-- +goose Up
create index concurrently b on a (id);
-- +goose Down
drop index b;
