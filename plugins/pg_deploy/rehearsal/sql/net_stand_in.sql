-- Stands in for pg_net: a request gets a number and goes nowhere.

create schema net;

create sequence net.http_request_id_seq;

create table net._http_response (
    id bigint,
    status_code integer,
    content_type text,
    headers jsonb,
    content text,
    timed_out boolean,
    error_msg text,
    created timestamptz not null default now()
);

create function net.http_get(
    url text,
    params jsonb default '{}',
    headers jsonb default '{}',
    timeout_milliseconds integer default 2000
) returns bigint
    language sql
    set search_path = ''
as $$
    select nextval('net.http_request_id_seq')
$$;

create function net.http_post(
    url text,
    body jsonb default '{}',
    params jsonb default '{}',
    headers jsonb default '{}',
    timeout_milliseconds integer default 2000
) returns bigint
    language sql
    set search_path = ''
as $$
    select nextval('net.http_request_id_seq')
$$;

create function net.http_delete(
    url text,
    params jsonb default '{}',
    headers jsonb default '{}',
    timeout_milliseconds integer default 2000,
    body jsonb default null
) returns bigint
    language sql
    set search_path = ''
as $$
    select nextval('net.http_request_id_seq')
$$;

grant usage on schema net to public;
grant usage on all sequences in schema net to public;
