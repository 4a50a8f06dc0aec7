-- Which of some tuples a prepared statement allows a subject, and which of them raise: what raises as a whole is asked in halves.
-- With `one_by_one` each is asked alone. It ends unfinished after `most_parts` parts.
create function access_proof.allowed_by_rows(
    of_subject integer,
    statement text,
    tids integer[],
    one_by_one boolean,
    most_parts integer,
    claims_name text,
    sub_name text
)
returns table (allowed integer[], raising integer[], finished boolean)
language plpgsql
security invoker
as $$
declare
    subject record;
    hits integer[];
    parts integer := 0;
    lows integer[] := array[1];
    highs integer[] := array[cardinality(tids)];
    low integer;
    high integer;
    middle integer;
begin
    select s.claims, s.settings into subject from access_proof.subject s where s.sid = of_subject;
    perform set_config(claims_name, subject.claims, true), set_config(sub_name, '', true);
    perform set_config(each.key, each.value, true) from jsonb_each_text(subject.settings) each;
    allowed := '{}';
    raising := '{}';
    finished := true;
    if one_by_one then
        lows := array(select generate_subscripts(tids, 1));
        highs := lows;
    end if;
    while cardinality(lows) > 0 loop
        low := lows[cardinality(lows)];
        high := highs[cardinality(highs)];
        lows := trim_array(lows, 1);
        highs := trim_array(highs, 1);
        continue when low > high;
        if parts >= most_parts then
            finished := false;
            exit;
        end if;
        parts := parts + 1;
        begin
            execute format('execute %I(%L)', statement, tids[low:high]) into hits;
            allowed := allowed || hits;
        exception
            when query_canceled then
                raise;
            when others then
                if low = high then
                    raising := raising || tids[low];
                else
                    middle := (low + high) / 2;
                    lows := lows || array[middle + 1, low];
                    highs := highs || array[high, middle];
                end if;
        end;
    end loop;
    return next;
end
$$;

-- The subject's role calls it, whatever the database's default privileges take from everybody.
grant execute on function access_proof.allowed_by_rows to public
