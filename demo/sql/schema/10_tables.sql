-- Run as the deploying role. Keys and indexes come after the data (20_keys.sql): loading is three times as fast that way.

create table public.organizations (
    id uuid not null default gen_random_uuid(),
    name text not null,
    slug text not null,
    plan text not null default 'free' constraint organizations_plan_check check (plan in ('free', 'pro', 'enterprise')),
    created_at timestamptz not null default now()
);

create table public.organization_members (
    organization_id uuid not null,
    user_id uuid not null,
    role text not null default 'member'
        constraint organization_members_role_check check (role in ('owner', 'admin', 'member')),
    status text not null default 'active'
        constraint organization_members_status_check check (status in ('active', 'suspended')),
    created_at timestamptz not null default now()
);

create table public.domains (
    id uuid not null default gen_random_uuid(),
    organization_id uuid not null,
    domain text not null,
    name text not null,
    settings jsonb not null default '{}'::jsonb,
    created_at timestamptz not null default now()
);

-- domain_id is null for conversations that began before their domain was known: nobody may read those but service_role.
create table public.conversations (
    id uuid not null default gen_random_uuid(),
    domain_id uuid,
    session_id text not null,
    metadata jsonb default '{}'::jsonb,
    started_at timestamptz not null default now(),
    last_message_at timestamptz,
    ended_at timestamptz
);

create table public.messages (
    id uuid not null default gen_random_uuid(),
    conversation_id uuid not null,
    role text not null constraint messages_role_check check (role in ('user', 'assistant', 'system')),
    content text not null,
    metadata jsonb,
    created_at timestamptz not null default now()
);

create table public.scrape_jobs (
    id uuid not null default gen_random_uuid(),
    domain_id uuid not null,
    status text not null default 'pending'
        constraint scrape_jobs_status_check check (status in ('pending', 'running', 'completed', 'failed')),
    config jsonb not null default '{}'::jsonb,
    pages_scraped integer not null default 0,
    error text,
    created_at timestamptz not null default now(),
    completed_at timestamptz
);

create table public.scraped_pages (
    id uuid not null default gen_random_uuid(),
    domain_id uuid not null,
    url text not null,
    title text,
    content text,
    status text not null default 'pending'
        constraint scraped_pages_status_check check (status in ('pending', 'completed', 'failed')),
    created_at timestamptz not null default now(),
    scraped_at timestamptz
);

create table public.website_content (
    id uuid not null default gen_random_uuid(),
    domain_id uuid not null,
    url text not null,
    content_type text not null,
    content text not null,
    content_hash text not null,
    metadata jsonb not null default '{}'::jsonb,
    created_at timestamptz not null default now()
);

create table public.structured_extractions (
    id uuid not null default gen_random_uuid(),
    domain_id uuid not null,
    url text not null,
    extract_type text not null,
    extracted_data jsonb not null,
    confidence_score numeric(4, 3),
    created_at timestamptz not null default now()
);

-- Telemetry names its domain in words: it is written by services that do not know ids, and outlives deleted domains.
create table public.chat_telemetry (
    id uuid not null default gen_random_uuid(),
    session_id text not null,
    domain text not null,
    model text not null,
    input_tokens integer not null,
    output_tokens integer not null,
    cost_usd numeric(10, 6) not null,
    duration_ms integer not null,
    success boolean not null default true,
    error text,
    metadata jsonb,
    created_at timestamptz not null default now()
);
