create table public.w (id bigint primary key, t text not null);
create table public.v (id bigint primary key, t text);
create table public.u (id bigint primary key, t text);
create table public.s (id bigint primary key, t text);
