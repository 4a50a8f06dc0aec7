alter table public.w alter column t drop not null;
alter table public.v alter column t set default 'x';
alter table public.u alter column t type varchar(20);
grant select (t) on public.s to anon;
