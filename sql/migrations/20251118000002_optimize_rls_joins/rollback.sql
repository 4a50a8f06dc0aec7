-- Scenario 2 of the guide, RLS security issues: puts back the twelve policies, and only then drops the helpers that they used.

alter policy conversations_select on public.conversations
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

alter policy conversations_insert on public.conversations
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

alter policy conversations_update on public.conversations
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

alter policy conversations_delete on public.conversations
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

alter policy messages_select on public.messages
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

alter policy messages_insert on public.messages
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

alter policy messages_update on public.messages
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

alter policy messages_delete on public.messages
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

alter policy scrape_jobs_all on public.scrape_jobs
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

alter policy scraped_pages_all on public.scraped_pages
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

alter policy website_content_all on public.website_content
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

alter policy structured_extractions_all on public.structured_extractions
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

drop function if exists access_checks.check_message_access();
drop function if exists access_checks.check_domain_access();
drop schema if exists access_checks;
