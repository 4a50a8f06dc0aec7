alter table public.organizations
    add constraint organizations_pkey primary key (id),
    add constraint organizations_slug_key unique (slug);

alter table public.organization_members add constraint organization_members_pkey primary key (organization_id, user_id);

alter table public.domains
    add constraint domains_pkey primary key (id),
    add constraint domains_domain_key unique (domain);

alter table public.conversations add constraint conversations_pkey primary key (id);
alter table public.messages add constraint messages_pkey primary key (id);
alter table public.scrape_jobs add constraint scrape_jobs_pkey primary key (id);
alter table public.scraped_pages add constraint scraped_pages_pkey primary key (id);
alter table public.website_content add constraint website_content_pkey primary key (id);
alter table public.structured_extractions add constraint structured_extractions_pkey primary key (id);
alter table public.chat_telemetry add constraint chat_telemetry_pkey primary key (id);

create index idx_organization_members_user_id on public.organization_members (user_id);
create index idx_domains_organization_id on public.domains (organization_id);
create index idx_conversations_domain_id on public.conversations (domain_id);
create index idx_messages_conversation_id on public.messages (conversation_id);
create index idx_scrape_jobs_domain_id on public.scrape_jobs (domain_id);
create index idx_scraped_pages_domain_id on public.scraped_pages (domain_id);
create index idx_website_content_domain_id on public.website_content (domain_id);
create index idx_structured_extractions_domain_id on public.structured_extractions (domain_id);

alter table public.organization_members
    add constraint organization_members_organization_id_fkey
        foreign key (organization_id) references public.organizations (id) on delete cascade,
    add constraint organization_members_user_id_fkey
        foreign key (user_id) references auth.users (id) on delete cascade;

alter table public.domains
    add constraint domains_organization_id_fkey
        foreign key (organization_id) references public.organizations (id) on delete cascade;

alter table public.conversations
    add constraint conversations_domain_id_fkey
        foreign key (domain_id) references public.domains (id) on delete cascade;

alter table public.messages
    add constraint messages_conversation_id_fkey
        foreign key (conversation_id) references public.conversations (id) on delete cascade;

alter table public.scrape_jobs
    add constraint scrape_jobs_domain_id_fkey
        foreign key (domain_id) references public.domains (id) on delete cascade;

alter table public.scraped_pages
    add constraint scraped_pages_domain_id_fkey
        foreign key (domain_id) references public.domains (id) on delete cascade;

alter table public.website_content
    add constraint website_content_domain_id_fkey
        foreign key (domain_id) references public.domains (id) on delete cascade;

alter table public.structured_extractions
    add constraint structured_extractions_domain_id_fkey
        foreign key (domain_id) references public.domains (id) on delete cascade;
