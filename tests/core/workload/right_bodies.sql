-- Bodies of every shape, in which nothing is wrong.
create function public.r01(a int, b text default 'x', out c int, out d text) language plpgsql as $$
begin c := a; d := b || r01.b; end $$;
create function public.r02(variadic words text[]) returns int language plpgsql as $$
declare w text; n int := 0;
begin foreach w in array words loop n := n + length(w); end loop; return n; end $$;
create function public.r03(x anyelement, y anyarray) returns anyarray language plpgsql as $$
begin return array_append(y, x); end $$;
create function public.r04() returns void language plpgsql as $$
declare r record; o public.orders%rowtype; n public.orders.note%type; t public.customers;
begin
    select * into r from orders where id = 1;
    select * into strict o from public.orders where id = r.id;
    n := r.note; o.note := n; t.name := 'x';
    raise notice '% %', r.total, o.status;
    for r in select id as other, name from customers loop perform r.other, r.name; end loop;
exception
    when no_data_found or too_many_rows then raise warning '%: %', sqlstate, sqlerrm;
    when others then get stacked diagnostics n = message_text; raise;
end $$;
create function public.r05(name_of text) returns setof record language plpgsql as $$
declare r record; n int;
begin
    execute format('select * from %I where id = $1', name_of) into r using 3;
    execute 'create temporary table found_rows as select 1 as a';
    insert into found_rows values (1);
    for r in execute 'select 1 as a' loop return next r; end loop;
    return query execute 'select $1, $2' using 1, 'x';
    get diagnostics n = row_count;
end $$;
create procedure public.r06(inout n int) language plpgsql as $$
begin
    create temp table if not exists kept (a int, b text) on commit drop;
    insert into kept (a, b) select id, note from orders;
    update kept set b = upper(b) where a > n;
    n := (select count(*) from kept);
    commit;
    drop table kept;
end $$;
create function public.r07(lo int, hi int) returns setof int language plpgsql stable as $$
<<outer_block>>
declare i int := 100;
begin
    <<counting>>
    for i in reverse hi..lo by 2 loop
        continue counting when counting.i = 3;
        exit when i > outer_block.i;
        return next i;
    end loop counting;
    declare i text := 'shadowed'; begin raise debug 'i is %', length(i); end;
    while i < 200 loop i := i + 1; end loop;
    loop exit; end loop;
end $$;
create function public.r08() returns table (order_id int, remark text, kind public.state) language plpgsql as $$
begin
    return query select o.id, o.note, o.status from orders o where o.total > 0;
    return query with few as (select id from orders) select s.id, null::text, 'new'::public.state from few s;
    order_id := 1; remark := 'x'; kind := 'paid'; return next;
end $$;
create function public.r09() returns setof public.orders language plpgsql as $$
begin return query select * from orders; return query update orders set note = 'x' where id = 1 returning *; end $$;
create function public.r10(k int) returns refcursor language plpgsql as $$
declare bound cursor (key int, word text) for select * from orders where id = key and note = word;
    free refcursor; r record; plain no scroll cursor for select 1 as one;
begin
    open bound (k, word := 'x'); fetch bound into r; raise notice '%', r.note; move forward 1 from bound; close bound;
    for each_row in bound (key := 1, word := 'y') loop raise notice '%', each_row.total; end loop;
    open free for select id, note from orders; fetch free into r; perform r.id;
    for p in plain loop perform p.one; end loop;
    open free for execute 'select 1' using k; return free;
end $$;
create function public.r11() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then new.placed := now(); return new;
    elsif tg_op = 'UPDATE' and old.note is distinct from new.note then
        insert into audit values (now(), format('%s.%s %s', tg_table_schema, tg_table_name, new.id));
    elsif tg_argv[0] = 'x' then perform old.id;
    end if;
    return null;
end $$;
create trigger r11 before insert or update on public.orders for each row execute function public.r11('x');
create function public.r12() returns trigger language plpgsql as $$
declare n int;
begin
    select count(*) into n from new_rows join old_rows using (id) where new_rows.note <> old_rows.note;
    insert into audit select now(), note from new_rows;
    return null;
end $$;
create trigger r12 after update on public.orders referencing old table as old_rows new table as new_rows
    for each statement execute function public.r12();
create function public.r13() returns trigger language plpgsql as $$ begin new.name := trim(new.name); return new; end $$;
create trigger r13 before insert on public.customers for each row execute function public.r13();
create function public.r14() returns trigger language plpgsql as $$ begin return new; end $$;
create function public.r15() returns event_trigger language plpgsql as $$
declare obj record;
begin
    for obj in select * from pg_event_trigger_ddl_commands() loop raise notice '% %', tg_tag, obj.object_identity; end loop;
end $$;
create function public.r16(note text, email text) returns int language plpgsql as $$
#variable_conflict use_column
declare total int;
begin select o.id into total from orders o where note = r16.note; return total; end $$;
create function public.r17() returns int[] language plpgsql as $$
declare a int[] := array[1, 2]; m text[][]; j jsonb := '{}'; c public.customers[];
begin
    a[3] := 4; a[1:2] := array[5, 6]; m[1][2] := 'x'; j := jsonb_set(j, '{a}', '1'); c[1] := row(1, 'n', 'e');
    select array_agg(id) into a from orders;
    return a || 3;
end $$;
create function public.r18(int, text) returns text language plpgsql as $$
declare first alias for $1; begin return $2 || first || $1; end $$;
create function public.r19(d date) returns text language plpgsql as $$
begin
    case extract(dow from d) when 0, 6 then return 'weekend'; else null; end case;
    case when d > now() then return case when d > '2030-01-01' then 'far' else 'near' end; else null; end case;
    if (case when d is null then true else false end) then assert d is null, 'never'; end if;
    return 'x';
end $$;
create function public.r20() returns void language plpgsql security definer set search_path to '' as $$
begin insert into public.audit (what) values (pg_catalog.current_setting('x.y', true)); end $$;
create function public.r21() returns void language plpgsql as $$
-- A comment; with a semicolon, and a word: begin
declare /* another */ x constant text not null default 'it''s'; y text collate "C" = $q$ end; $q$;
begin
    null; -- select nothing from nowhere;
    perform x, y; perform pg_sleep(0) where false;
    raise exception using errcode = 'P0001', message = 'm ' || x, hint = y;
    raise sqlstate '22012'; raise division_by_zero; raise notice 'plain';
end $$;
create function public.r22(o public.orders) returns public.orders language plpgsql as $$
begin o.note := coalesce(o.note, r22.o.note); return o; end $$;
create function public.r23() returns int language plpgsql as $$
declare n int; s text; gone_row public.orders;
begin
    insert into orders as o (id, note) values (1, 'x') on conflict (id) do update set note = excluded.note returning o.id into n;
    delete from orders where id = n returning * into gone_row;
    update orders set (note, total) = ('a', 2) where current_date > placed returning note into strict s;
    with gone as (delete from orders where id = 2 returning id) select max(id) into n from gone;
    if found then return gone_row.id; end if;
    return n;
end $$;
create function public.r24() returns text language plpgsql as $$
<<vars>> declare region text; what text; email int := 3;
begin <<inside>> begin region := null; end inside; select c.name into what from customers c where c.id = vars.email; return region || what; end $$;
create function public.r25() returns jsonb language plpgsql as $$
declare result jsonb;
begin
    select jsonb_agg(jsonb_build_object('id', o.id, 'at', o.placed)) into result
    from orders o left join lateral (select count(*) as n from customers c where c.id = o.customer_id) x on true
    group by x.n order by x.n limit 1;
    return result -> 'a' #> '{b}';
end $$;
create procedure public.r26(a int) language plpgsql as $$
begin call public.tidy(a); call tidy(days => 4); call public.r06(a); do $x$ begin perform 1; end $x$; end $$;
create function public.r27() returns void language plpgsql as $$
begin
    truncate audit; lock table public.orders in share mode; create index on pg_temp.nothing (a);
    set local work_mem = '4MB'; reset work_mem;
end $$;
drop function public.r27();
create function public.r28(x anyelement) returns text language sql as 'select x::text';
create function public.r29(a int, b text[]) returns setof public.orders language sql as 'select * from orders where id = a and note = any(b)';
create function public.r30() returns table (n bigint) language sql stable as $$ select count(*) from public.orders; $$;
create function public.r31() returns void language sql begin atomic insert into public.audit (what) values ('x'); end;
create function public.r32() returns int language plpgsql as $$
declare r record; n int; x record; t text;
begin
    r := (select row(1, 2)); x := r;
    select a, b into r from (values (1, 'x')) as v (a, b); n := r.a; if r.b = 'y' then return n; end if;
    for r in select * from generate_series(1, 3) as g (n) loop n := r.n; end loop;
    for n, t in select 1, note from orders o loop null; end loop;
    for r in (select id from orders) union all select 4 loop n := r.id; end loop;
    for r in with q as (select 1 as one) select * from q loop n := r.one; end loop;
    for r in insert into audit (what) values ('x') returning at, what loop perform r.what; end loop;
    for r in values (1, 2) loop n := r.column1; end loop;
    return n;
end $$;
create domain public.short as text not null check (length(value) < 10);
create function public.r33() returns public.short language plpgsql as $$
declare s text; begin s := 'x'::public.short; return s; end $$;
create function public.r34(in a int, inout b numeric, out "Odd Name" text) language plpgsql as $$
begin b := taxed(b) + a; "Odd Name" := 'x'; end $$;
create function public."R 35"("Arg One" int) returns int language plpgsql as $$ begin return "R 35"."Arg One"; end $$;
create function public.r36() returns text language plpgsql as $$
declare a int; b int; begin a=1; b:=-1; a:=b; return a||'x'||b; end $$;
create function public.r37() returns void language plpgsql as $$
declare t text := 'x'; begin
    begin insert into audit (what) values (t);
    exception when unique_violation then null; when sqlstate '23503' then begin perform sqlerrm; exception when others then perform sqlstate; end;
    end;
end $$;
create function public.r38(id int) returns boolean language plpgsql as $$
begin return exists (select 1 from orders o where o.id = r38.id); end $$;
create function public.r39() returns setof text language plpgsql as $$
begin return query values ('a'), ('b'); return query (select note from orders) union (select name from customers); return; end $$;
create function public.r40() returns record language plpgsql as $$
declare r record; begin select 1 as a, 'x'::text as b into r; return r; end $$;
create function public.r41() returns void language plpgsql as $$ begin return; end $$;
create function public.r42() returns int language plpgsql as '<<all_of_it>> declare declare x int; begin x = 1; return all_of_it.x; end all_of_it';
create function public.r43(variadic x anyarray) returns anyelement language sql as 'select x[1]';
create function public.r44(x anyelement, n int default 3) returns table (a anyelement, b int) language sql as 'select x, n';
create procedure public.r45(x anyelement) language sql as 'insert into audit (what) values (x::text)';
create function public.r46(x anycompatible, y anycompatible) returns setof anycompatible language sql as 'select x union select $2';
create function public.r47(given record) returns void language plpgsql as $$
declare r record; c refcursor;
begin
    select 1 as a into r; perform r.a;
    execute 'select 2 as b' into r; perform r.b, given.what;
    select 1 as a into r;
    for r in execute 'select 3 as c' loop perform r.c; end loop;
    select 1 as a into r;
    open c for execute 'select 4 as d'; fetch c into r; perform r.d;
end $$;
