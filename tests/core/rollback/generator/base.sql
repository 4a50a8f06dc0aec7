-- What the fixture migrations change: a small shop with a bit of everything.
create extension citext with schema extensions;
create schema shop;
create schema helpers;
grant usage on schema shop to anon, authenticated, service_role;
create type shop.mood as enum ('sad', 'happy');
create type shop.pair as (a integer, b text);
create domain shop.email as text check (value like '%@%');
create table shop.customers (
    id bigint generated always as identity primary key,
    name text not null default 'nobody',
    email shop.email,
    mood shop.mood,
    code varchar(10),
    small integer,
    amount numeric(10, 2),
    note text,
    constraint customers_name_key unique (name),
    constraint customers_small_check check (small > 0)
);
comment on table shop.customers is 'who buys';
comment on column shop.customers.note is 'it''s a \ note';
create table shop.orders (
    id serial primary key,
    customer_id bigint not null references shop.customers (id) on delete cascade,
    placed_at timestamptz not null default now(),
    state text not null default 'new'
);
create index orders_customer on shop.orders (customer_id);
create index orders_state on shop.orders (state) include (placed_at) where state <> 'done';
create sequence shop.counter increment by 2;
create table shop.events (day date not null, value integer) partition by range (day);
create table shop.events_2024 partition of shop.events for values from ('2024-01-01') to ('2025-01-01');
create index events_day on shop.events (day);
create table shop.events_2025 (day date not null, value integer);
create function helpers.is_owner(who bigint) returns boolean
    language sql stable security definer set search_path = '' as $$ select who > 0 $$;
create function helpers.is_owner(who text) returns boolean language sql stable as $$ select who <> '' $$;
create function helpers.stamp() returns trigger language plpgsql as $$ begin new.note := 'seen'; return new; end $$;
revoke execute on function helpers.is_owner(bigint) from public;
grant execute on function helpers.is_owner(bigint) to authenticated;
comment on function helpers.is_owner(bigint) is 'owns it';
create trigger stamp before insert on shop.customers for each row execute function helpers.stamp();
alter table shop.customers enable row level security;
alter table shop.orders enable row level security;
create policy customers_read on shop.customers for select to authenticated using (helpers.is_owner(id));
create policy customers_write on shop.customers for update to authenticated using (helpers.is_owner(id)) with check (name <> '');
create policy orders_strict on shop.orders as restrictive for all to authenticated using (state <> 'hidden');
comment on policy customers_read on shop.customers is 'owners read';
create view shop.happy as select id, name, mood from shop.customers where mood = 'happy';
create view shop.happy_names with (security_invoker = true) as select name from shop.happy;
comment on view shop.happy is 'the happy ones';
grant select on shop.happy to anon;
grant update (name) on shop.happy to authenticated;
create materialized view shop.totals as select customer_id, count(*) as orders from shop.orders group by 1;
create unique index totals_customer on shop.totals (customer_id);
revoke all on shop.totals from anon;
grant select on shop.totals to service_role;
create statistics shop.customer_stats (ndistinct) on name, note from shop.customers;
create rule quiet as on delete to shop.events_2025 do instead nothing;
grant select on shop.customers to anon;
grant insert (name), update (name, note) on shop.customers to authenticated;
alter default privileges in schema shop grant select on tables to anon;
