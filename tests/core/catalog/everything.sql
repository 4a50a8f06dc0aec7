-- One object of every kind that a database of ours may hold, made by the superuser of a throwaway cluster.
create schema app;
create schema "Odd Name";
create type app.mood as enum ('sad', 'ok', 'happy');
create domain app.short as text default 'x' check (length(value) < 10);
create type app.pair as (a integer, b text collate "C");
create type app.span as range (subtype = float8);
create table app.parent (
    id bigint generated always as identity primary key,
    name text not null default 'nobody',
    mood app.mood,
    label app.short,
    twice bigint generated always as (length('abc') * 2) stored,
    born timestamptz default '2020-01-01 00:00:00+00',
    note text
);
create table app.child (
    id serial primary key,
    parent_id bigint references app.parent (id) on delete cascade,
    amount numeric(10, 2) check (amount > 0),
    constraint child_amount_parent unique (parent_id, amount) deferrable
);
create table app.part (day date not null, value integer) partition by range (day);
create table app.part_1 partition of app.part for values from ('2024-01-01') to ('2025-01-01');
create index part_day on app.part (day);
create table app.inherited (extra integer) inherits (app.child);
create table "Odd Name"."Odd.Table" ("Odd Column" integer);
create index parent_lower on app.parent (lower(name));
create index parent_mood on app.parent (mood) include (note) where note is not null;
create unlogged table app.fast (a integer);
create view app.names as select id, name from app.parent;
create materialized view app.totals as select parent_id, sum(amount) as total from app.child group by 1;
create unique index totals_parent on app.totals (parent_id);
create sequence app.counter;
create function app.add(integer, integer default 1) returns integer language sql immutable as 'select $1 + $2';
create function app.add(text) returns text language sql as 'select $1';
create function app.stamp() returns trigger language plpgsql as $$
begin
    return new; -- as it is
end
$$;
create procedure app.nothing() language sql begin atomic select 1; end;
create function app.watch() returns event_trigger language plpgsql as 'begin end';
create aggregate app.total (integer) (sfunc = int4pl, stype = integer, initcond = '0');
create trigger stamp before insert on app.parent for each row execute function app.stamp();
create rule ignore_delete as on delete to app.fast do instead nothing;
create event trigger watching on ddl_command_end when tag in ('DROP TABLE') execute function app.watch();
alter event trigger watching disable;
alter table app.parent enable row level security;
create policy reads on app.parent for select to anon, member using (note is null);
create policy writes on app.parent as restrictive for update to public using (true) with check (note <> '');
create statistics app.parent_stats (ndistinct) on name, note from app.parent;
create publication everything for table app.parent, app.child;
create subscription quiet connection 'host=nowhere password=verysecret' publication p with (connect = false);
create foreign data wrapper wrapper;
create server far foreign data wrapper wrapper options (host 'nowhere', password 'verysecret');
create user mapping for member server far options (user 'u', password 'verysecret');
create foreign table app.remote (a integer) server far options (table_name 't');
create operator app.|+| (leftarg = integer, rightarg = integer, function = app.add);
create function app.add_pair(app.pair) returns integer language sql as 'select ($1).a';
create cast (app.pair as integer) with function app.add_pair(app.pair);
create collation app.german (provider = icu, locale = 'de');
create text search dictionary app.plain (template = simple);
create text search configuration app.search (copy = pg_catalog.english);
create operator family app.family using btree;
grant select on app.parent to anon;
grant update (note) on app.parent to member;
grant usage on schema app to anon with grant option;
revoke execute on function app.add(text) from public;
alter default privileges in schema app grant select on tables to anon;
alter default privileges revoke execute on functions from public;
comment on table app.parent is 'the parents';
comment on column app.parent.note is 'a note';
comment on policy reads on app.parent is 'who reads';
comment on function app.stamp() is 'stamps';
