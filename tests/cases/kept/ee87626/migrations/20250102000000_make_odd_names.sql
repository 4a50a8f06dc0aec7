create role "reads to rows" nologin;
grant "reads to rows" to service_role;
alter role "reads to rows" set statement_timeout = '7s';
create schema "x.y";
grant usage on schema "x.y" to "reads to rows" with grant option;
create type "x.y"."a to b" as enum ('in (c)', 'on x.y');
create type "x.y"."pair, of" as ("left on" integer, "right" text);
create domain "x.y"."short to long" as text constraint "check on x.y" check (length(value) < 100);
create sequence "x.y"."next to ""last""" start 5;
create table "x.y"."t on x.y" (
    "id of" integer primary key default nextval('"x.y"."next to ""last"""'),
    "to ""whom""" "x.y"."short to long",
    "kind." "x.y"."a to b" not null default 'on x.y',
    constraint "unique on (a, b)" unique ("to ""whom""", "kind.")
);
create index "index on x.y" on "x.y"."t on x.y" (lower("to ""whom""")) where "id of" > 0;
create statistics "x.y"."stats on x" (ndistinct) on "id of", "kind." from "x.y"."t on x.y";
alter table "x.y"."t on x.y" enable row level security;
create policy "own on x.y" on "x.y"."t on x.y" for select to "reads to rows" using ("kind." = 'on x.y');
create policy "own on x.y.t" on "x.y"."t on x.y" as restrictive for update to public using (true) with check ("id of" > 0);
grant select, update ("kind.") on "x.y"."t on x.y" to "reads to rows";
create function "x.y"."f(integer) to text"("a, b" integer, "on ""z""" text default ')') returns text
    language sql immutable set search_path = '' as $$ select "on ""z""" || $1::text $$;
create function "x.y"."f(integer) to text"(text) returns text language sql immutable set search_path = '' as 'select $1';
revoke execute on function "x.y"."f(integer) to text"(text) from public;
create function "x.y"."count on"() returns trigger language plpgsql set search_path = '' as $$ begin return new; end $$;
create procedure "x.y"."do. nothing"(inout "n to" integer) language plpgsql set search_path = '' as $$ begin "n to" := 1; exception when others then null; end $$;
create aggregate "x.y"."sum of" (integer) (sfunc = int4pl, stype = integer, initcond = '0');
create operator "x.y".<-> (leftarg = integer, rightarg = text, function = "x.y"."f(integer) to text");
create function "x.y"."left on"("x.y"."pair, of") returns integer language sql immutable
    set search_path = '' as 'select ($1)."left on"';
create function "x.y".plain(integer) returns integer language sql immutable as 'select $1';
create cast ("x.y"."pair, of" as integer) with function "x.y"."left on"("x.y"."pair, of");
create trigger "before on x.y" before insert on "x.y"."t on x.y" for each row execute function "x.y"."count on"();
create view "x.y"."view of t" with (security_invoker = true) as select "id of", "kind." from "x.y"."t on x.y";
create rule "rule on x.y" as on delete to "x.y"."view of t" do instead nothing;
create materialized view "x.y"."kept of t" as select "kind.", count(*) as n from "x.y"."t on x.y" group by 1;
create unique index "kept on (kind)" on "x.y"."kept of t" ("kind.");
create collation "x.y"."german to us" (provider = icu, locale = 'de');
create publication "some to all" for table "x.y"."t on x.y" ("id of") where ("id of" > 3);
alter default privileges in schema "x.y" grant select on tables to "reads to rows";
comment on schema "x.y" is 'on x.y to z';
comment on table "x.y"."t on x.y" is 'a "table"';
comment on column "x.y"."t on x.y"."to ""whom""" is 'to whom';
comment on policy "own on x.y" on "x.y"."t on x.y" is 'whose own';
comment on trigger "before on x.y" on "x.y"."t on x.y" is 'before';
comment on constraint "unique on (a, b)" on "x.y"."t on x.y" is 'one of each';
comment on function "x.y"."f(integer) to text"(integer, text) is 'to text';
comment on operator "x.y".<-> (integer, text) is 'between';
select cron.schedule('clean to "x.y"', '0 3 1 1 *', 'select 1 -- on x.y');
