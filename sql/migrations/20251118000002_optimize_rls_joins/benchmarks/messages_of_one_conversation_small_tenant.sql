-- Runs as a member of the organization with the fewest conversations.
select
    set_config('request.jwt.claim.sub', '', true),
    set_config(
        'request.jwt.claims',
        coalesce(
            (
                select jsonb_build_object('sub', m.user_id, 'role', 'authenticated')::text
                from (
                    select d.organization_id
                    from public.conversations c
                    join public.domains d on d.id = c.domain_id
                    where d.organization_id in (
                        select om.organization_id
                        from public.organization_members om
                        where om.status = 'active'
                    )
                    group by d.organization_id
                    order by count(*) asc, d.organization_id
                    limit 1
                ) as tenant
                join public.organization_members m on m.organization_id = tenant.organization_id and m.status = 'active'
                order by (select count(*) from public.organization_members om where om.user_id = m.user_id), m.user_id
                limit 1
            ),
            ''
        ),
        true
    );
select set_config(
    'benchmark.domain_id',
    coalesce(
        (
            select c.domain_id::text
            from public.conversations c
            join public.domains d on d.id = c.domain_id
            join public.organization_members m on m.organization_id = d.organization_id and m.status = 'active'
            where m.user_id = auth.uid()
            group by c.domain_id
            order by count(*) desc, c.domain_id
            limit 1
        ),
        '00000000-0000-0000-0000-000000000000'
    ),
    true
);
select set_config(
    'benchmark.conversation_id',
    coalesce(
        (
            select c.id::text
            from public.conversations c
            where c.domain_id = current_setting('benchmark.domain_id')::uuid
                and exists (select from public.messages m where m.conversation_id = c.id)
            limit 1
        ),
        '00000000-0000-0000-0000-000000000000'
    ),
    true
);
set local role authenticated;
select role, content, created_at
from public.messages
where conversation_id = current_setting('benchmark.conversation_id')::uuid
order by created_at;
