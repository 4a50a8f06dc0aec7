-- Asks as users of every kind, as anon and as a caller without claims for some rows of each table that they must see, and
-- for some that they must not see, such as rows without a domain. Memberships say what is expected, not policies.
-- Rows and memberships may change while this runs: a surprise is looked up again, and counts only if it is still there.
do $$
declare
    subject record;
    probe record;
    ids uuid[];
    expected uuid[];
    seen uuid[];
    surprising uuid[];
    rows_of text;
    still uuid[];
begin
    for subject in
        with membership as (
            select
                om.user_id,
                count(*) filter (where om.status = 'active') as active,
                count(*) filter (where om.status <> 'active') as suspended,
                sum((select count(*) from public.domains d where d.organization_id = om.organization_id)) as domains
            from public.organization_members om
            group by om.user_id
        ),

        chosen (kind, user_id) as (
            (
                select 'member of the largest organization', user_id
                from membership where active > 0 order by domains desc, user_id limit 2
            )
            union
            (
                select 'member of the smallest organization', user_id
                from membership where active > 0 order by domains, user_id limit 2
            )
            union
            (
                select 'member of several organizations', user_id
                from membership where active > 1 order by active desc, user_id limit 2
            )
            union
            (select 'suspended', user_id from membership where suspended > 0 and active = 0 order by user_id limit 2)
            union
            (
                select 'suspended in one of several', user_id
                from membership where suspended > 0 and active > 0 order by user_id limit 2
            )
            union
            select 'unknown user', '00000000-0000-0000-0000-000000000000'
        )

        select
            kind,
            'authenticated' as role,
            jsonb_build_object('sub', user_id, 'role', 'authenticated')::text as claims,
            user_id
        from chosen
        union all
        select 'without claims', 'authenticated', '', null
        union all
        select 'anon', 'anon', '{"role": "anon"}', null
        union all
        -- An anonymous caller sees nothing, whatever it claims to be.
        (
            select 'anon with a member''s id', 'anon', jsonb_build_object('sub', user_id, 'role', 'anon')::text, null
            from chosen limit 1
        )
    loop
        for probe in
            select
                table_name,
                case table_name
                    when 'messages' then 'public.messages r join public.conversations c on c.id = r.conversation_id'
                    else 'public.' || table_name || ' r'
                end as source
            from unnest(
                array[
                    'conversations', 'messages', 'scrape_jobs', 'scraped_pages', 'website_content', 'structured_extractions'
                ]
            ) as table_name
        loop
            rows_of := format(
                'from %s where %s = any (array(select d.id from public.domains d where exists ('
                'select from public.organization_members om where om.organization_id = d.organization_id'
                ' and om.user_id = $1 and om.status = ''active'')))',
                probe.source,
                case probe.table_name when 'messages' then 'c.domain_id' else 'r.domain_id' end
            );
            execute 'select array(select r.id ' || rows_of || ' limit 30)' into expected using subject.user_id;
            execute format(
                'select $2 || array(select id from (select r.id from %1$s limit 60) as first_rows)'
                ' || array(select r.id from public.%2$s r tablesample system (0.1) limit 60)',
                probe.source,
                probe.table_name
            ) into ids using subject.user_id, expected;
            if probe.table_name = 'conversations' then
                ids := ids || array(select c.id from public.conversations c where c.domain_id is null limit 10);
            end if;
            execute 'select array(select r.id ' || rows_of || ' and r.id = any ($2))'
                into expected using subject.user_id, ids;

            perform
                set_config('request.jwt.claim.sub', '', true),
                set_config('request.jwt.claims', subject.claims, true);
            perform set_config('role', subject.role, true);
            execute format('select array(select id from public.%I where id = any ($1))', probe.table_name)
                into seen using ids;
            perform set_config('role', 'none', true);

            surprising := array(
                (select unnest(seen) except select unnest(expected))
                union
                (select unnest(expected) except select unnest(seen))
            );
            continue when surprising = '{}';

            execute 'select array(select r.id ' || rows_of || ' and r.id = any ($2) order by r.id)'
                into expected using subject.user_id, surprising;
            perform set_config('role', subject.role, true);
            execute format('select array(select id from public.%I where id = any ($1))', probe.table_name)
                into seen using surprising;
            perform set_config('role', 'none', true);
            execute 'select array(select r.id ' || rows_of || ' and r.id = any ($2) order by r.id)'
                into still using subject.user_id, surprising;
            continue when still is distinct from expected;

            perform set_config(
                'check.surprises',
                (
                    coalesce(nullif(current_setting('check.surprises', true), ''), '[]')::jsonb
                    || jsonb_build_object(
                        'kind', subject.kind,
                        'caller', coalesce(subject.user_id::text, subject.role),
                        'table', probe.table_name,
                        'too many', array(select unnest(seen) except select unnest(expected) limit 5),
                        'missing', array(select unnest(expected) except select unnest(seen) limit 5)
                    )
                )::text,
                true
            );
        end loop;
    end loop;
end
$$;

select
    s ->> 'kind' as kind_of_caller,
    s ->> 'caller' as caller,
    s ->> 'table' as table_name,
    case when s -> 'too many' <> '[]' then 'reads rows of others' else 'does not read all rows of its own' end as problem,
    s ->> 'too many' as rows_of_others,
    s ->> 'missing' as rows_missing
from jsonb_array_elements(coalesce(nullif(current_setting('check.surprises', true), ''), '[]')::jsonb) as s
where s -> 'too many' <> '[]'
    or s -> 'missing' <> '[]';
