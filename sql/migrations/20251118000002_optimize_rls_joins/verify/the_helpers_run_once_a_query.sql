-- A helper in a filter is called for each row: 13 to 320 times slower. In an InitPlan it is called once.
do $$
declare
    statement text;
    plan jsonb;
begin
    perform set_config('request.jwt.claim.sub', '', true);
    perform set_config(
        'request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', true
    );
    set local role authenticated;
    foreach statement in array array[
        'select count(*) from public.conversations',
        'select count(*) from public.messages',
        'select count(*) from public.scrape_jobs',
        'select count(*) from public.scraped_pages',
        'select count(*) from public.website_content',
        'select count(*) from public.structured_extractions'
    ]
    loop
        execute 'explain (verbose, format json) ' || statement into plan;
        if jsonb_path_exists(
            plan,
            'strict $.**."Filter" ? (@ like_regex "check_(domain|message)_access")'
        ) or not jsonb_path_exists(
            plan,
            'strict $.** ? (@."Parent Relationship" == "InitPlan").** ? (@ like_regex "check_(domain|message)_access")'
        ) then
            perform set_config(
                'check.per_row',
                (
                    coalesce(nullif(current_setting('check.per_row', true), ''), '[]')::jsonb || to_jsonb(statement)
                )::text,
                true
            );
        end if;
    end loop;
    set local role none;
end
$$;

select statement, 'the helper is not evaluated once for the query, but for each row or not at all' as problem
from jsonb_array_elements_text(coalesce(nullif(current_setting('check.per_row', true), ''), '[]')::jsonb) as statement;
