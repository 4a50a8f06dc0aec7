-- check: writes
-- An organization, a domain and a member of our own stand beside another's; all of it is undone with this transaction. The
-- member is an existing user, because users belong to the auth service; with no user at all there is nobody to ask.
do $$
declare
    member uuid := (select u.id from auth.users u limit 1);
    own uuid := '00000000-0000-4000-8000-0000000000d1';
    other uuid := '00000000-0000-4000-8000-0000000000d2';
    third uuid := '00000000-0000-4000-8000-0000000000d3';
    attempt record;
    outcome text;
    changed bigint;
begin
    if member is null then
        return;
    end if;

    insert into public.organizations (id, name, slug)
    values
        ('00000000-0000-4000-8000-0000000000a1', 'check', 'check-own-00000000'),
        ('00000000-0000-4000-8000-0000000000a2', 'check', 'check-other-00000000'),
        ('00000000-0000-4000-8000-0000000000a3', 'check', 'check-suspended-00000000');
    insert into public.organization_members (organization_id, user_id, status)
    values
        ('00000000-0000-4000-8000-0000000000a1', member, 'active'),
        ('00000000-0000-4000-8000-0000000000a3', member, 'suspended');
    insert into public.domains (id, organization_id, domain, name)
    values
        (own, '00000000-0000-4000-8000-0000000000a1', 'own.check.invalid', 'check'),
        (other, '00000000-0000-4000-8000-0000000000a2', 'other.check.invalid', 'check'),
        (third, '00000000-0000-4000-8000-0000000000a3', 'suspended.check.invalid', 'check');
    insert into public.conversations (id, domain_id, session_id)
    values
        ('00000000-0000-4000-8000-0000000000c1', own, 'check'),
        ('00000000-0000-4000-8000-0000000000c2', other, 'check'),
        ('00000000-0000-4000-8000-0000000000c3', third, 'check'),
        ('00000000-0000-4000-8000-0000000000c4', null, 'check');
    insert into public.messages (id, conversation_id, role, content)
    select
        ('00000000-0000-4000-8000-0000000000e' || n)::uuid, ('00000000-0000-4000-8000-0000000000c' || n)::uuid,
        'user', 'check'
    from generate_series(1, 4) as n;
    insert into public.scrape_jobs (id, domain_id)
    select ('00000000-0000-4000-8000-0000000000f' || n)::uuid, ('00000000-0000-4000-8000-0000000000d' || n)::uuid
    from generate_series(1, 3) as n;
    insert into public.scraped_pages (id, domain_id, url)
    select
        ('00000000-0000-4000-8000-0000000000f' || n)::uuid, ('00000000-0000-4000-8000-0000000000d' || n)::uuid,
        'https://check.invalid'
    from generate_series(1, 3) as n;
    insert into public.website_content (id, domain_id, url, content_type, content, content_hash)
    select
        ('00000000-0000-4000-8000-0000000000f' || n)::uuid, ('00000000-0000-4000-8000-0000000000d' || n)::uuid,
        'https://check.invalid', 'page', 'check', 'check' || n
    from generate_series(1, 3) as n;
    insert into public.structured_extractions (id, domain_id, url, extract_type, extracted_data)
    select
        ('00000000-0000-4000-8000-0000000000f' || n)::uuid, ('00000000-0000-4000-8000-0000000000d' || n)::uuid,
        'https://check.invalid', 'check', '{}'
    from generate_series(1, 3) as n;

    for attempt in
        with target (place, domain, conversation, row_number, rows_expected) as (
            values
                ('their own domain', quote_literal(own), quote_literal('00000000-0000-4000-8000-0000000000c1'), '1', 1),
                (
                    'another organization''s domain',
                    quote_literal(other), quote_literal('00000000-0000-4000-8000-0000000000c2'), '2', 0
                ),
                (
                    'a domain of an organization that suspended them',
                    quote_literal(third), quote_literal('00000000-0000-4000-8000-0000000000c3'), '3', 0
                ),
                ('no domain', 'null', quote_literal('00000000-0000-4000-8000-0000000000c4'), '4', 0)
        ),

        tables (table_name, id_prefix, columns, content) as (
            values
                ('conversations', 'c', 'domain_id, session_id', '%1$s, ''check'''),
                ('messages', 'e', 'conversation_id, role, content', '%2$s, ''user'', ''check'''),
                ('scrape_jobs', 'f', 'domain_id', '%1$s'),
                ('scraped_pages', 'f', 'domain_id, url', '%1$s, ''https://check.invalid/new'''),
                (
                    'website_content', 'f', 'domain_id, url, content_type, content, content_hash',
                    '%1$s, ''https://check.invalid/new'', ''page'', ''check'', ''new'''
                ),
                (
                    'structured_extractions', 'f', 'domain_id, url, extract_type, extracted_data',
                    '%1$s, ''https://check.invalid/new'', ''check'', ''{}'''
                )
        )

        select
            t.table_name, target.place, c.command, target.rows_expected,
            case c.command
                when 'insert' then format(
                    'insert into public.%I (%s) values (%s)',
                    t.table_name, t.columns, format(t.content, target.domain, target.conversation)
                )
                when 'update' then format(
                    'update public.%1$I set id = id where id = ''00000000-0000-4000-8000-0000000000%2$s%3$s''',
                    t.table_name, t.id_prefix, target.row_number
                )
                when 'move' then format(
                    'update public.%1$I set %2$s = %3$s where id = ''00000000-0000-4000-8000-0000000000%4$s1''',
                    t.table_name,
                    split_part(t.columns, ',', 1),
                    case t.table_name when 'messages' then target.conversation else target.domain end,
                    t.id_prefix
                )
                when 'delete' then format(
                    'delete from public.%1$I where id = ''00000000-0000-4000-8000-0000000000%2$s%3$s''',
                    t.table_name, t.id_prefix, target.row_number
                )
            end as statement
        from target, tables t, unnest(array['insert', 'update', 'move', 'delete']) as c (command)
        where target.row_number <> '4' or t.table_name in ('conversations', 'messages')
    loop
        perform
            set_config('request.jwt.claim.sub', '', true),
            set_config('request.jwt.claims', jsonb_build_object('sub', member, 'role', 'authenticated')::text, true);
        begin
            perform set_config('role', 'authenticated', true);
            execute attempt.statement;
            get diagnostics changed = row_count;
            -- Undoes the change, so that no attempt sees what another one did.
            raise exception using errcode = 'ZZ000', message = changed::text;
        exception
            when sqlstate 'ZZ000' then
                outcome := sqlerrm;
            when insufficient_privilege then
                outcome := '0';
            when others then
                outcome := 'error: ' || sqlerrm;
        end;
        perform set_config('role', 'none', true);
        continue when outcome = attempt.rows_expected::text;

        perform set_config(
            'check.surprises',
            (
                coalesce(nullif(current_setting('check.surprises', true), ''), '[]')::jsonb
                || jsonb_build_object(
                    'table', attempt.table_name, 'command', attempt.command, 'place', attempt.place,
                    'outcome', outcome, 'expected', attempt.rows_expected, 'statement', attempt.statement
                )
            )::text,
            true
        );
    end loop;
end
$$;

select
    s ->> 'table' as table_name,
    s ->> 'command' as command,
    case
        when s ->> 'outcome' like 'error%' then 'fails in ' || (s ->> 'place')
        when s ->> 'expected' = '0' then 'a user writes into ' || (s ->> 'place')
        else 'a user can no longer write into ' || (s ->> 'place')
    end as problem,
    s ->> 'outcome' as outcome,
    s ->> 'statement' as statement
from jsonb_array_elements(coalesce(nullif(current_setting('check.surprises', true), ''), '[]')::jsonb) as s;
