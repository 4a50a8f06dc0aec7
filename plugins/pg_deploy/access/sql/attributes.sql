-- The values of a role's closed expressions for these subjects of that role, as text. Each subject runs the statements anew: one
-- statement over all subjects would reuse the sub-plans of the first, and be wrong.
create function access_proof.attributes(asked integer[], of_role text, statements integer, claims_name text, sub_name text)
returns table (sid integer, texts text[], errors text[])
language plpgsql
security invoker
as $$
declare
    subject record;
    value text;
begin
    for subject in
        select s.sid, s.claims, s.settings
        from access_proof.subject s
        where s.sid = any (asked)
          and s.role = of_role
        order by s.sid
    loop
        perform set_config(claims_name, subject.claims, true), set_config(sub_name, '', true);
        perform set_config(each.key, each.value, true) from jsonb_each_text(subject.settings) each;
        sid := subject.sid;
        texts := '{}';
        errors := '{}';
        for j in 1..statements loop
            begin
                execute 'execute access_proof_' || j into value;
                texts := texts || value;
                errors := errors || null::text;
            exception
                when query_canceled then
                    raise;
                when others then
                    texts := texts || null::text;
                    errors := errors || (sqlstate || ' ' || sqlerrm);
            end;
        end loop;
        return next;
    end loop;
end
$$;

-- The subject's role calls it, whatever the database's default privileges take from everybody.
grant execute on function access_proof.attributes to public
