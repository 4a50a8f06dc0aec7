-- Stands in for pg_cron if that cannot run: jobs are recorded as pg_cron records them, and none is ever run.

create schema cron;

create sequence cron.jobid_seq;

create table cron.job (
    jobid bigint primary key default nextval('cron.jobid_seq'),
    schedule text not null,
    command text not null,
    nodename text not null default 'localhost',
    nodeport integer not null default 5432,
    database text not null default current_database(),
    username text not null default current_user,
    active boolean not null default true,
    jobname text,
    unique (jobname, username)
);

create table cron.job_run_details (
    jobid bigint,
    runid bigint primary key,
    job_pid integer,
    database text,
    username text,
    command text,
    status text,
    return_message text,
    start_time timestamptz,
    end_time timestamptz
);

alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

create function cron.schedule(schedule text, command text) returns bigint
    language sql
    set search_path = ''
as $$
    insert into cron.job (schedule, command) values ($1, $2) returning jobid
$$;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
    language sql
    set search_path = ''
as $$
    insert into cron.job (jobname, schedule, command) values ($1, $2, $3)
    on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command, active = true
    returning jobid
$$;

create function cron.unschedule(job_id bigint) returns boolean
    language plpgsql
    set search_path = ''
as $$
begin
    delete from cron.job where jobid = job_id;
    if not found then
        raise exception 'could not find valid entry for job %', job_id;
    end if;
    return true;
end
$$;

create function cron.unschedule(job_name text) returns boolean
    language plpgsql
    set search_path = ''
as $$
begin
    delete from cron.job where jobname = job_name and username = current_user;
    if not found then
        raise exception 'could not find valid entry for job ''%''', job_name;
    end if;
    return true;
end
$$;

create function cron.alter_job(
    job_id bigint,
    schedule text default null,
    command text default null,
    database text default null,
    username text default null,
    active boolean default null
) returns void
    language sql
    set search_path = ''
as $$
    update cron.job j set
        schedule = coalesce($2, j.schedule),
        command = coalesce($3, j.command),
        database = coalesce($4, j.database),
        username = coalesce($5, j.username),
        active = coalesce($6, j.active)
    where j.jobid = $1
$$;

grant usage on schema cron to public;
grant select, insert, update, delete on all tables in schema cron to public;
grant usage on all sequences in schema cron to public;
