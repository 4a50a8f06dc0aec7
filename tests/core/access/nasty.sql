-- Policies as people write them: claims read by hand, restrictive ones, helpers that return sets, partitions, views on views,
-- tables without a key or with one of several columns, quoted names, arrays, enums.
create schema if not exists auth;
create table auth.users (id uuid primary key, email text);
insert into auth.users select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.org' from generate_series(1, 40) n;
create function auth.uid() returns uuid language sql stable as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
grant usage on schema auth to public;

create table public.teams (id integer primary key, name text);
insert into public.teams select n, 'team ' || n from generate_series(1, 12) n;
create table public.team_members (team_id integer references public.teams, user_id uuid, rank text, primary key (team_id, user_id));
insert into public.team_members
select 1 + n % 12, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, case n % 5 when 0 then 'guest' else 'member' end
from generate_series(1, 36) n;
create schema private;
grant usage on schema private to authenticated;
create function private.my_teams() returns setof integer language sql stable security definer set search_path = '' as $$
    select m.team_id from public.team_members m where m.user_id = auth.uid()
$$;
create function private.is_in(wanted integer) returns boolean language plpgsql stable security definer set search_path = '' as $$
begin
    return exists (select from public.team_members m where m.team_id = wanted and m.user_id = auth.uid());
end
$$;

create table public.notes (id integer generated always as identity primary key, team_id integer references public.teams, secret boolean not null default false, body text);
insert into public.notes (team_id, secret, body) select case when n % 17 = 0 then null else 1 + n % 12 end, n % 7 = 0, 'note ' || n from generate_series(1, 300) n;
create policy seen on public.notes for select to authenticated using (team_id in (select private.my_teams()));
create policy made on public.notes for insert to authenticated with check (team_id in (select private.my_teams()) and not secret);
create policy changed on public.notes for update to authenticated using (team_id in (select private.my_teams())) with check (private.is_in(team_id));
create policy no_secrets on public.notes as restrictive for select to authenticated using (
    not secret or exists (select from public.team_members m where m.team_id = notes.team_id and m.user_id = (select auth.uid()) and m.rank = 'member')
);

-- by hand, out of the claims: no claims are an error here, an outcome like any other
create table public.invoices (id integer primary key, owner_id uuid, total numeric);
insert into public.invoices select n, ('00000000-0000-4000-8000-' || lpad((1 + n % 40)::text, 12, '0'))::uuid, n from generate_series(1, 200) n;
create policy own on public.invoices to authenticated using (owner_id = (current_setting('request.jwt.claims')::jsonb ->> 'sub')::uuid);

-- a key of two columns, and no key at all
create table public.shares (note_id integer, user_id uuid, primary key (note_id, user_id));
insert into public.shares select n, ('00000000-0000-4000-8000-' || lpad((1 + n % 40)::text, 12, '0'))::uuid from generate_series(1, 90) n;
create policy own on public.shares to authenticated using (user_id = auth.uid());
create table public.events (team_id integer, what text);
insert into public.events select 1 + n % 12, 'event ' || n % 9 from generate_series(1, 120) n;
create policy seen on public.events for select to authenticated using (private.is_in(team_id));

-- partitions, each of which is reached by its own name too
create table public.logs (id integer not null, team_id integer, at date not null) partition by range (at);
create table public.logs_old partition of public.logs for values from ('2020-01-01') to ('2024-01-01');
create table public.logs_new partition of public.logs for values from ('2024-01-01') to ('2030-01-01');
insert into public.logs select n, 1 + n % 12, date '2022-01-01' + n * 20 from generate_series(1, 100) n;
create policy seen on public.logs for select to authenticated using (team_id in (select private.my_teams()));

-- names that need quotes, an enum, an array
create type public."Kind" as enum ('open', 'closed');
create table public."Odd Table" ("Id" integer primary key, "Members" uuid[], kind public."Kind", "like%s" text default '100%');
insert into public."Odd Table" select n, array[('00000000-0000-4000-8000-' || lpad((1 + n % 40)::text, 12, '0'))::uuid], case n % 2 when 0 then 'open'::public."Kind" else 'closed' end from generate_series(1, 60) n;
create policy "it's seen" on public."Odd Table" for select to authenticated using ("Odd Table".kind = 'open' or auth.uid() = any ("Members") and "like%s" like '100\%%');

create view public.my_notes as select n.id, n.body, n.team_id from public.notes n;
create view public.my_titles as select v.id, upper(v.body) as title from public.my_notes v;
create materialized view public.counts as select n.team_id, count(*) as notes from public.notes n group by n.team_id;

do $$
declare
    t record;
begin
    for t in select c.oid::regclass as name, c.relkind from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') loop
        execute format('grant select, insert, update, delete on %s to authenticated, service_role', t.name);
        if t.relkind <> 'v' then
            execute format('alter table %s enable row level security', t.name);
        end if;
    end loop;
    if current_setting('server_version_num')::integer >= 150000 then
        alter view public.my_notes set (security_invoker = true);
        alter view public.my_titles set (security_invoker = true);
    else
        revoke all on public.my_notes, public.my_titles from authenticated;
    end if;
end
$$;
grant select on public.counts to service_role;
grant select on public.invoices to anon;
create policy anybody on public.invoices for select to anon using (false);
alter view public.my_notes owner to postgres;
analyze;
