create table public.notes (
    id bigint generated always as identity primary key,
    owner uuid not null,
    body text not null default ''
);
alter table public.notes enable row level security;
create policy notes_own on public.notes for select to authenticated using (owner = (select auth.uid()));
revoke all on public.notes from anon, authenticated, service_role;
grant select on public.notes to authenticated;
insert into public.notes (owner, body) select '00000000-0000-0000-0000-000000000001', 'note ' || n from generate_series(1, 20) as n;
