"""Fixture migrations of all kinds: what each changes in base.sql, and, if it cannot be undone, the words of the refusal."""

from __future__ import annotations

UNDONE: dict[str, str] = {
    "new table": """
        create table shop.tags (id bigint generated always as identity primary key, label text unique not null,
            customer_id bigint references shop.customers (id));
        alter table shop.tags enable row level security;
        create policy tags_read on shop.tags for select to anon using (helpers.is_owner(customer_id));
        create index tags_customer on shop.tags (customer_id);
        comment on table shop.tags is 'labels';
        grant select (label) on shop.tags to authenticated;
    """,
    "two new tables that refer to each other": """
        create table shop.a (id integer primary key, b integer);
        create table shop.b (id serial primary key, a integer references shop.a (id));
        create function helpers.of_a(shop.a) returns integer language sql as 'select ($1).id';
        alter table shop.a add foreign key (b) references shop.b (id) deferrable;
    """,
    "new schema with a type, a table, a function and a view": """
        create schema crm;
        create type crm.stage as enum ('lead', 'won');
        create domain crm.score as integer check (value between 0 and 100);
        create table crm.deals (id integer primary key, stage crm.stage not null default 'lead', score crm.score);
        create function crm.won(crm.stage) returns boolean language sql immutable as $$ select $1 = 'won' $$;
        alter table crm.deals add constraint won_scored check (not crm.won(stage) or score is not null);
        create view crm.won_deals as select * from crm.deals where crm.won(stage);
        create function crm.deal(integer) returns setof crm.won_deals language sql as 'select * from crm.won_deals';
    """,
    "column without default": "alter table shop.orders add column remark text",
    "column with default, index, check and comment": """
        alter table shop.orders add column priority integer not null default 3;
        alter table shop.orders add constraint priority_range check (priority between 1 and 5) not valid;
        create index orders_priority on shop.orders (priority, id);
        comment on column shop.orders.priority is 'one is first';
    """,
    "generated and serial columns": """
        alter table shop.orders add column number bigserial, add column age integer generated always as (length(state)) stored;
    """,
    "column filled where it is new": """
        alter table shop.orders add column remark text;
        update shop.orders set remark = state;
    """,
    "defaults, not null, storage and statistics": """
        alter table shop.orders alter column state drop default, alter column state drop not null;
        alter table shop.customers alter column name set default 'somebody', alter column note set not null;
        alter table shop.customers alter column note set storage external, alter column small set statistics 500;
        alter table shop.customers alter column code set default 'x', alter column small set (n_distinct = 5);
    """,
    "types that only widen": """
        alter table shop.customers alter column small type bigint, alter column code type varchar(20);
        alter table shop.customers alter column amount type numeric(12, 2);
    """,
    "a widened column under a view": """
        drop view shop.happy_names;
        drop view shop.happy;
        alter table shop.customers alter column code type text;
        create view shop.coded as select id, code from shop.customers;
        create view shop.happy as select id, name, mood from shop.customers where mood = 'happy';
        create view shop.happy_names with (security_invoker = true) as select name from shop.happy;
        comment on view shop.happy is 'the happy ones';
        grant select on shop.happy to anon;
        grant update (name) on shop.happy to authenticated;
    """,
    "constraint not valid": "alter table shop.orders add constraint state_known check (state <> '?') not valid",
    "constraint validated": """
        alter table shop.orders add constraint state_known check (state <> '?') not valid;
        alter table shop.orders validate constraint state_known;
    """,
    "constraints dropped and changed": """
        alter table shop.customers drop constraint customers_name_key;
        alter table shop.orders drop constraint orders_customer_id_fkey;
        alter table shop.customers drop constraint customers_small_check, add constraint customers_small_check check (small > 1);
    """,
    "primary key moved": """
        alter table shop.orders drop constraint orders_pkey;
        alter table shop.orders add constraint orders_pkey primary key (id, placed_at);
    """,
    "unique constraint from an index": """
        create unique index orders_once on shop.orders (customer_id, placed_at);
        alter table shop.orders add constraint orders_once unique using index orders_once;
    """,
    "exclusion constraint": """
        alter table shop.orders add constraint orders_apart exclude using btree (id with =, customer_id with =);
    """,
    "new enum type and domain": """
        create type shop.colour as enum ('red', 'blue');
        create domain shop.percent as numeric(5, 2) not null default 0 constraint in_range check (value <= 100);
        comment on type shop.colour is 'of a thing';
    """,
    "enum value renamed": "alter type shop.mood rename value 'sad' to 'gloomy'",
    "domain changed": """
        alter domain shop.email set default 'a@b';
        alter domain shop.email drop constraint email_check;
        alter domain shop.email add constraint email_long check (length(value) > 3) not valid;
    """,
    "composite type grown": "alter type shop.pair add attribute c date",
    "types dropped": "drop type shop.pair",
    "function new and overloaded": """
        create function helpers.is_owner(who uuid) returns boolean language sql stable as $$ select who is not null $$;
        create procedure helpers.tidy(x integer default 1) language sql as $$ delete from shop.orders where id = x $$;
        create aggregate helpers.total (integer) (sfunc = int4pl, stype = integer, initcond = '0');
    """,
    "function body replaced": """
        create or replace function helpers.is_owner(who bigint) returns boolean
            language sql stable security definer set search_path = '' as $$ select who > 100 $$;
    """,
    "function with another result, used by policies": """
        drop policy customers_read on shop.customers;
        drop policy customers_write on shop.customers;
        drop function helpers.is_owner(bigint);
        create function helpers.is_owner(who bigint) returns integer language sql stable as $$ select 1 $$;
        create policy customers_read on shop.customers for select to authenticated using (helpers.is_owner(id) = 1);
    """,
    "function dropped": "drop function helpers.is_owner(text)",
    "function settings and rights": """
        alter function helpers.is_owner(text) set search_path = 'shop';
        alter function helpers.is_owner(text) security definer;
        grant execute on function helpers.is_owner(bigint) to anon;
        revoke execute on function helpers.is_owner(text) from public;
    """,
    "triggers": """
        create trigger stamp_orders after update of state on shop.orders for each row when (old.state is distinct from new.state)
            execute function helpers.stamp();
        alter table shop.customers disable trigger stamp;
        create trigger on_events after insert on shop.events for each row execute function helpers.stamp();
    """,
    "trigger replaced and another dropped": """
        drop trigger stamp on shop.customers;
        create trigger stamp after insert on shop.customers for each row execute function helpers.stamp();
        comment on trigger stamp on shop.customers is 'new';
    """,
    "view grown": "create or replace view shop.happy as select id, name, mood, note from shop.customers where mood = 'happy'",
    "views on views": """
        create view shop.a1 as select * from shop.happy;
        create view shop.a0 as select * from shop.a1 join shop.happy_names using (name);
        create view shop.zz as select * from shop.a0;
    """,
    "view replaced with its rights": """
        create or replace view shop.happy_names as select upper(name) as name from shop.happy;
        alter view shop.happy_names set (security_barrier = true);
        revoke select on shop.happy from anon;
    """,
    "views dropped": "drop view shop.happy_names; drop view shop.happy",
    "materialized view": """
        create materialized view shop.states as select state, count(*) from shop.orders group by 1 with no data;
        create unique index states_state on shop.states (state);
        revoke all on shop.states from anon, authenticated;
    """,
    "materialized view replaced": """
        drop materialized view shop.totals;
        create materialized view shop.totals as select customer_id, count(*) as orders, max(id) as last from shop.orders group by 1;
    """,
    "policies permissive and restrictive": """
        create policy orders_read on shop.orders for select to authenticated using (helpers.is_owner(customer_id));
        create policy orders_never on shop.orders as restrictive for delete to public using (false);
        drop policy orders_strict on shop.orders;
    """,
    "policies altered": """
        create function helpers.mine() returns setof bigint language sql stable as $$ select 1::bigint $$;
        alter policy customers_read on shop.customers to public using (id = any (array(select helpers.mine())));
        alter policy customers_write on shop.customers with check (note <> '');
        alter policy orders_strict on shop.orders with check (state = 'new');
    """,
    "row level security": """
        alter table shop.orders disable row level security;
        alter table shop.customers force row level security;
        alter table shop.events enable row level security;
    """,
    "rights on a table whose columns have rights, a name of two kinds, a partition's own column": """
        grant all on shop.customers to authenticated;
        alter function helpers.stamp() set schema shop;
        alter function shop.stamp() rename to orders;
        alter table shop.events_2024 alter value set statistics 200, alter value set default 4;
    """,
    "grants": """
        grant select, insert on shop.orders to anon;
        revoke select on shop.customers from anon;
        grant select on shop.customers to authenticated with grant option;
        grant select (note) on shop.customers to anon;
        revoke update (note) on shop.customers from authenticated;
        grant usage on sequence shop.counter to anon;
        grant create on schema shop to service_role;
        revoke usage on type shop.mood from public;
        revoke truncate on shop.orders from postgres;
    """,
    "default privileges": """
        alter default privileges in schema shop grant insert on tables to authenticated;
        alter default privileges in schema shop revoke select on tables from anon;
        alter default privileges revoke execute on functions from public;
        alter default privileges in schema helpers grant usage on types to anon;
    """,
    "comments": """
        comment on table shop.customers is null;
        comment on column shop.customers.note is 'another';
        comment on view shop.happy_names is 'names';
        comment on function helpers.is_owner(text) is 'by name';
        comment on constraint customers_name_key on shop.customers is 'once';
        comment on policy customers_read on shop.customers is null;
        comment on index shop.orders_state is 'open ones';
        comment on schema shop is 'the shop';
        comment on type shop.pair is 'two';
        comment on constraint email_check on domain shop.email is 'has an at';
        comment on sequence shop.counter is 'counts';
        comment on trigger stamp on shop.customers is 'stamps';
        comment on domain shop.email is 'an address';
        comment on statistics shop.customer_stats is 'counts';
        comment on materialized view shop.totals is 'sums';
        comment on column shop.totals.orders is 'how many';
    """,
    "indexes": """
        create index orders_placed on shop.orders using brin (placed_at);
        create unique index customers_lower on shop.customers (lower(name) collate "C" desc nulls last) include (note);
        create index customers_hash on shop.customers using hash (email);
        create index customers_gin on shop.customers using gin (to_tsvector('simple', note)) with (fastupdate = off);
    """,
    "indexes of every kind among other changes": """
        create index events_value on shop.events (value);
        create index orders_placed on shop.orders using brin (placed_at);
        drop index shop.orders_customer;
        drop index shop.orders_state;
        create index orders_state on shop.orders (state);
        alter table shop.orders cluster on orders_pkey;
        alter table shop.orders replica identity full;
    """,
    "index built concurrently": "create index concurrently orders_placed on shop.orders (placed_at)",
    "partition new": """
        create table shop.events_2026 partition of shop.events for values from ('2026-01-01') to ('2027-01-01');
    """,
    "partition attached": """
        drop rule quiet on shop.events_2025;
        alter table shop.events attach partition shop.events_2025 for values from ('2025-01-01') to ('2026-01-01');
    """,
    "partition detached": "alter table shop.events detach partition shop.events_2024",
    "sequences": """
        create sequence shop.numbers as integer start 100 owned by shop.orders.state;
        alter sequence shop.counter increment by 5 maxvalue 1000 cycle;
    """,
    "identity added": "alter table shop.events_2025 add column id bigint generated by default as identity (start 10)",
    "extension new": """
        create extension hstore with schema extensions;
        alter table shop.customers add column traits extensions.hstore;
    """,
    "table options": """
        alter table shop.orders set (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
        alter table shop.events_2025 set unlogged;
    """,
    "statistics, rules": """
        create statistics shop.order_stats (dependencies) on state, customer_id from shop.orders;
        alter statistics shop.customer_stats set statistics 100;
        drop rule quiet on shop.events_2025;
        create rule loud as on insert to shop.events_2025 do also notify events;
    """,
    "table renamed": "alter table shop.orders rename to purchases",
    "column renamed": "alter table shop.customers rename column note to remark",
    "column under views renamed": "alter table shop.customers rename column mood to feeling",
    "index, constraint, policy and view renamed": """
        alter index shop.orders_state rename to orders_by_state;
        alter table shop.customers rename constraint customers_name_key to customers_name_once;
        alter policy customers_read on shop.customers rename to readers;
        alter view shop.happy rename to content;
    """,
    "index of a constraint renamed": "alter index shop.customers_pkey rename to customers_first",
    "function and type renamed": """
        alter function helpers.is_owner(text) rename to is_named;
        alter type shop.mood rename to feeling;
    """,
    "memberships and role settings": """
        create role undo_auditor nologin;
        grant undo_auditor to authenticator;
        grant select on shop.orders to undo_auditor;
        alter role anon set statement_timeout = '9s';
        alter role authenticated in database postgres set work_mem = '5MB';
    """,
    "sequence dropped": "drop sequence shop.counter",
    "identity dropped": "alter table shop.customers alter column id drop identity",
    "attribute dropped": "alter type shop.pair drop attribute b",
    "extension dropped": "drop extension citext",
}

ON_18: dict[str, str] = {
    "identity column on a table with rows": """
        alter table shop.events_2025 add column id bigint generated always as identity;
        alter table shop.orders add column number integer not null generated by default as identity;
    """,
    "not null named, not valid and validated": """
        alter table shop.customers add constraint mood_there not null mood not valid;
        alter table shop.customers add constraint note_there not null note;
        alter table shop.orders alter column placed_at drop not null;
    """,
    "not null renamed and without heirs": """
        alter table shop.orders rename constraint orders_state_not_null to has_a_state;
        alter table shop.customers add constraint small_there not null small no inherit;
    """,
    "table and column with a not null renamed": """
        alter table shop.orders rename to purchases;
        alter table shop.customers rename column name to called;
    """,
    "replica identity over a new not null": """
        alter table shop.customers alter column email set not null;
        create unique index customers_email on shop.customers (email);
        alter table shop.customers replica identity using index customers_email;
    """,
    "primary key over a column that was null": """
        alter table shop.events_2025 add column id integer;
        alter table shop.events_2025 add primary key (id);
    """,
    "domain with a named not null": """
        create domain shop.named as text constraint filled not null;
        alter domain shop.email set not null;
    """,
    "virtual and stored generated columns": """
        alter table shop.orders add column v integer generated always as (length(state)) virtual;
        alter table shop.orders add column s integer generated always as (length(state)) stored;
    """,
    "default privileges with every right": """
        alter default privileges in schema helpers grant all on tables to anon;
        alter default privileges revoke all on tables from service_role;
        grant maintain on shop.orders to anon;
        revoke maintain on shop.customers from postgres;
    """,
    "memberships of three kinds": """
        create role undo_auditor nologin;
        create role undo_member nologin;
        grant undo_auditor to undo_member with admin true, inherit false, set true;
        revoke inherit option for service_role from authenticator;
    """,
}
"""What PostgreSQL 17 and 18 brought, or keep otherwise than those before."""

REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "table dropped": ("drop table shop.orders cascade", ("table shop.orders: it was dropped with its rows",)),
    "table dropped and made again": (
        "create table public.thing (a integer); drop table shop.events_2025;"
        " create table shop.events_2025 (day date not null, value integer);"
        " create rule quiet as on delete to shop.events_2025 do instead nothing; drop table public.thing",
        ("table shop.events_2025: it was dropped with its rows, and another one was made",),
    ),
    "column dropped": (
        "alter table shop.customers drop column note cascade",
        ("column shop.customers.note: it was dropped with its values",),
    ),
    "rows changed": (
        "update shop.orders set state = 'old'; delete from shop.customers; insert into shop.customers (name) values ('x')",
        ("rows of shop.orders: line 1 changed them", "rows of shop.customers: line 1 changed them: delete"),
    ),
    "rows changed in a with": (
        "with gone as (delete from shop.orders returning 1) select count(*) from gone",
        ("line 1 changed them: with gone as",),
    ),
    "table emptied": ("truncate shop.orders", ("line 1 changed them: truncate",)),
    "enum value added": (
        "alter type shop.mood add value 'calm' before 'happy'",
        ("type shop.mood: an enum value cannot be removed (calm)",),
    ),
    "type that loses": (
        "alter table shop.customers alter column amount type integer",
        ("column shop.customers.amount: its type changed from numeric(10,2) to integer",),
    ),
    "type that rounds on the way back": (
        "alter table shop.customers alter column small type numeric",
        ("fractions written since would be rounded",),
    ),
    "schema dropped with a table": ("drop schema shop cascade", ("table shop.orders: it was dropped with its rows",)),
}
