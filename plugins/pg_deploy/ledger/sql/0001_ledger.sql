-- The ledger: what was done to this database, when, by whom, and with what evidence.
-- Run once, in one transaction, by the first deployment. Later revisions are files of their own.

create schema if not exists deploy_ledger;

comment on schema deploy_ledger is
    'What was deployed to this database, when, by whom and with what evidence. Written by pg_deploy; do not edit.';

create table deploy_ledger.revision (
    number integer primary key,
    made_at timestamptz not null default clock_timestamp()
);

-- Each claim of the target takes the next number. A task whose number is no longer the open deployment's must stop.
create sequence deploy_ledger.fence_seq;

create table deploy_ledger.deployment (
    id bigint generated always as identity primary key,
    dag_id text not null,
    airflow_run text not null,
    host text not null,
    actor text not null,
    conf jsonb not null,
    folder text not null,
    folder_versions text[] not null,
    fence bigint not null default nextval('deploy_ledger.fence_seq'),
    good_until timestamptz not null,
    phase text not null,
    state text not null default 'running'
        check (state in ('running', 'deployed', 'rolled_back', 'failed', 'abandoned')),
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    check ((state = 'running') = (ended_at is null))
);

-- At most one deployment is open at a time.
create unique index deployment_one_open on deploy_ledger.deployment ((ended_at is null)) where ended_at is null;

create index deployment_run on deploy_ledger.deployment (airflow_run);

create table deploy_ledger.planned_migration (
    deployment_id bigint not null references deploy_ledger.deployment (id),
    position integer not null,
    version text not null,
    stem text not null,
    name text not null,
    title text not null,
    sql_hash text not null,
    bundle_hash text not null,
    sql text not null,
    rollback text,
    rollback_source text not null check (rollback_source in ('written', 'generated', 'none')),
    -- A generated rollback that a rehearsal ran, and found the facts equal afterwards. It is part of bundle_hash then.
    rollback_proven boolean not null default false,
    risk text not null,
    access text not null,
    manifest jsonb not null,
    primary key (deployment_id, version),
    unique (deployment_id, position)
);

create table deploy_ledger.attempt (
    id bigint generated always as identity primary key,
    deployment_id bigint not null references deploy_ledger.deployment (id),
    version text not null,
    stem text not null,
    sql_hash text not null,
    state text not null check (state in (
        'planned', 'snapshotted', 'applying', 'applied', 'verified',
        'rolling_back', 'rolled_back', 'rollback_failed', 'baselined'
    )),
    error text,
    started_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz,
    verified_at timestamptz,
    ended_at timestamptz
);

create index attempt_version on deploy_ledger.attempt (version, id desc);
create index attempt_deployment on deploy_ledger.attempt (deployment_id);

create table deploy_ledger.statement_run (
    id bigint generated always as identity primary key,
    attempt_id bigint not null references deploy_ledger.attempt (id),
    deployment_id bigint not null references deploy_ledger.deployment (id),
    direction text not null check (direction in ('apply', 'rollback', 'mend')),
    try integer not null,
    segment integer not null,
    transactional boolean not null,
    ordinal integer not null,
    line integer not null,
    kind text not null,
    summary text not null,
    pid integer not null,
    backend_start timestamptz not null,
    started_at timestamptz,
    -- Set by the very transaction that made the change: an end that can be read was committed.
    ended_at timestamptz,
    sqlstate text,
    error text,
    notices text[] not null default '{}',
    -- How long it was seen waiting for locks, and behind whom last.
    waited_s double precision not null default 0,
    blockers text[] not null default '{}',
    unique (attempt_id, direction, try, segment, ordinal)
);

create table deploy_ledger.catalog_fact (
    hash text primary key,
    scope text not null,
    kind text not null,
    identity text not null,
    definition text not null
);

create table deploy_ledger.snapshot (
    id bigint generated always as identity primary key,
    attempt_id bigint references deploy_ledger.attempt (id),
    deployment_id bigint not null references deploy_ledger.deployment (id),
    moment text not null check (moment in ('before', 'after', 'undoing', 'rolled_back', 'deployed')),
    location text not null check (location in ('target', 'rehearsal')),
    fingerprint text not null,
    server_version integer not null,
    fact_hashes text[] not null,
    taken_at timestamptz not null default clock_timestamp()
);

create index snapshot_attempt on deploy_ledger.snapshot (attempt_id, moment);

create table deploy_ledger.evidence (
    id bigint generated always as identity primary key,
    deployment_id bigint not null references deploy_ledger.deployment (id),
    attempt_id bigint references deploy_ledger.attempt (id),
    version text,
    location text not null check (location in ('target', 'rehearsal')),
    kind text not null,
    name text not null,
    outcome text not null,
    detail jsonb not null default '{}',
    recorded_at timestamptz not null default clock_timestamp()
);

create index evidence_deployment on deploy_ledger.evidence (deployment_id, kind);
create index evidence_attempt on deploy_ledger.evidence (attempt_id, kind);

-- What the monitor measured: one row a run, and its measures beside it, kept as long as thresholds.yaml says.
create table deploy_ledger.sample (
    id bigint generated always as identity primary key,
    taken_at timestamptz not null default clock_timestamp(),
    airflow_run text not null,
    server_start timestamptz not null,
    -- The newest deployment that had ended by then.
    deployment_id bigint references deploy_ledger.deployment (id),
    -- Null until the run's alerts were judged.
    judged_at timestamptz
);

create index sample_taken_at on deploy_ledger.sample (taken_at);

create table deploy_ledger.measurement (
    sample_id bigint not null references deploy_ledger.sample (id) on delete cascade,
    measure text not null,
    -- Null: measured. Else the sentence that says why it could not be.
    problem text,
    -- Whether it should have been measurable: such a run is red. What a role may not see, or is not installed, is not.
    failed boolean not null default false,
    rows jsonb not null default '[]',
    primary key (sample_id, measure)
);

create index measurement_measure on deploy_ledger.measurement (measure, sample_id desc);

create table deploy_ledger.alert (
    id bigint generated always as identity primary key,
    measure text not null,
    object text not null,
    cause text not null,
    what_to_do text not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    -- When somebody was last told: that it began, that it goes on, or that it ended.
    told_at timestamptz,
    end_told_at timestamptz
);

-- One open alert for one trouble: the second run that sees it adds nothing.
create unique index alert_one_open on deploy_ledger.alert (measure, object) where ended_at is null;

create table deploy_ledger.refresh (
    id bigint generated always as identity primary key,
    view_name text not null,
    started_at timestamptz not null default clock_timestamp(),
    duration_ms double precision not null,
    online boolean not null,
    -- Null: refreshed. Else the sentence that says why it was not.
    problem text
);

create index refresh_view on deploy_ledger.refresh (view_name, started_at desc);

-- EXPLAIN's JSON as a value, so that a check can look at the plan of a query.
create function deploy_ledger.plan(statement text) returns jsonb
    language plpgsql
    security invoker
as $plan$
declare
    found json;
begin
    execute 'explain (format json) ' || statement into found;
    return found::jsonb;
end
$plan$;

revoke all on schema deploy_ledger from public;
revoke all on all tables in schema deploy_ledger from public;
revoke all on all functions in schema deploy_ledger from public;
