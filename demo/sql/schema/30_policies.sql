-- The first four policies are as the advisor wants them. The twelve below are written as many projects have them, and slow:
-- auth.uid() for each row, nested IN. Migration 3 of the guide rewrites exactly those, by name.

alter table public.organizations enable row level security;
alter table public.organization_members enable row level security;
alter table public.domains enable row level security;
alter table public.conversations enable row level security;
alter table public.messages enable row level security;
alter table public.scrape_jobs enable row level security;
alter table public.scraped_pages enable row level security;
alter table public.website_content enable row level security;
alter table public.structured_extractions enable row level security;
alter table public.chat_telemetry enable row level security;

create policy organization_members_select on public.organization_members
    for select to authenticated
    using (user_id = (select auth.uid()));

create policy organizations_select on public.organizations
    for select to authenticated
    using (
        id in (
            select om.organization_id
            from public.organization_members om
            where om.user_id = (select auth.uid())
                and om.status = 'active'
        )
    );

create policy domains_select on public.domains
    for select to authenticated
    using (
        organization_id in (
            select om.organization_id
            from public.organization_members om
            where om.user_id = (select auth.uid())
                and om.status = 'active'
        )
    );

-- Whoever sees a domain sees its telemetry: the sub-select is itself subject to the policy of domains.
create policy chat_telemetry_select on public.chat_telemetry
    for select to authenticated
    using (domain in (select d.domain from public.domains d));

create policy conversations_select on public.conversations
    for select to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy conversations_insert on public.conversations
    for insert to authenticated
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy conversations_update on public.conversations
    for update to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    )
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy conversations_delete on public.conversations
    for delete to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy messages_select on public.messages
    for select to authenticated
    using (
        conversation_id in (
            select c.id
            from public.conversations c
            where c.domain_id in (
                select d.id
                from public.domains d
                where d.organization_id in (
                    select om.organization_id
                    from public.organization_members om
                    where om.user_id = auth.uid()
                        and om.status = 'active'
                )
            )
        )
    );

create policy messages_insert on public.messages
    for insert to authenticated
    with check (
        conversation_id in (
            select c.id
            from public.conversations c
            where c.domain_id in (
                select d.id
                from public.domains d
                where d.organization_id in (
                    select om.organization_id
                    from public.organization_members om
                    where om.user_id = auth.uid()
                        and om.status = 'active'
                )
            )
        )
    );

create policy messages_update on public.messages
    for update to authenticated
    using (
        conversation_id in (
            select c.id
            from public.conversations c
            where c.domain_id in (
                select d.id
                from public.domains d
                where d.organization_id in (
                    select om.organization_id
                    from public.organization_members om
                    where om.user_id = auth.uid()
                        and om.status = 'active'
                )
            )
        )
    )
    with check (
        conversation_id in (
            select c.id
            from public.conversations c
            where c.domain_id in (
                select d.id
                from public.domains d
                where d.organization_id in (
                    select om.organization_id
                    from public.organization_members om
                    where om.user_id = auth.uid()
                        and om.status = 'active'
                )
            )
        )
    );

create policy messages_delete on public.messages
    for delete to authenticated
    using (
        conversation_id in (
            select c.id
            from public.conversations c
            where c.domain_id in (
                select d.id
                from public.domains d
                where d.organization_id in (
                    select om.organization_id
                    from public.organization_members om
                    where om.user_id = auth.uid()
                        and om.status = 'active'
                )
            )
        )
    );

create policy scrape_jobs_all on public.scrape_jobs
    for all to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    )
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy scraped_pages_all on public.scraped_pages
    for all to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    )
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy website_content_all on public.website_content
    for all to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    )
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );

create policy structured_extractions_all on public.structured_extractions
    for all to authenticated
    using (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    )
    with check (
        domain_id in (
            select d.id
            from public.domains d
            where d.organization_id in (
                select om.organization_id
                from public.organization_members om
                where om.user_id = auth.uid()
                    and om.status = 'active'
            )
        )
    );
