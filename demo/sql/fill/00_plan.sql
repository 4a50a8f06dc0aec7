-- What every fill session needs: how much, ending when, and numbers that look random but are the same on every machine.
-- The session sets demo.scale and demo.base first.

create function pg_temp.unit(i bigint, seed bigint) returns double precision language sql immutable parallel safe as $$
    select (hashint8extended(i, seed) & 1073741823) / 1073741824.0::double precision
$$;

create function pg_temp.pick(i bigint, seed bigint, words text[]) returns text language sql immutable parallel safe as $$
    select words[1 + floor(pg_temp.unit(i, seed) * cardinality(words))::integer]
$$;

create function pg_temp.key(kind text, i bigint) returns uuid language sql immutable parallel safe as $$
    select md5(kind || ':' || i)::uuid
$$;

-- User 1 is the one whom the guide names.
create function pg_temp.user_key(i bigint) returns uuid language sql immutable parallel safe as $$
    select case
        when i = 1 then '00000000-0000-0000-0000-000000000001'::uuid
        else pg_temp.key('user', i)
    end
$$;

create function pg_temp.domain_name(i bigint) returns text language sql immutable parallel safe as $$
    select 'shop-' || lpad(i::text, 5, '0') || '.example.com'
$$;

create temporary table plan as
select
    current_setting('demo.base')::timestamptz as base,
    greatest(200, round(10000 * scale))::integer as users,
    greatest(20, round(1000 * scale))::integer as organizations,
    greatest(60, round(5000 * scale))::integer as domains,
    -- the very large tenant, organization 1: these domains hold a tenth of all rows, the first of them four fifths of that
    greatest(4, round(40 * scale))::integer as large_domains,
    greatest(10, round(200 * scale))::integer as large_members,
    greatest(2000, round(200000 * scale))::integer as conversations,
    greatest(5000, round(500000 * scale))::integer as messages,
    greatest(10000, round(1000000 * scale))::integer as telemetry,
    greatest(1500, round(150000 * scale))::integer as pages,
    greatest(200, round(20000 * scale))::integer as jobs,
    greatest(600, round(60000 * scale))::integer as contents,
    greatest(400, round(40000 * scale))::integer as extractions
from (select current_setting('demo.scale')::double precision as scale) as asked;

create function pg_temp.domain_of(i bigint, seed bigint, large_domains integer, domains integer) returns bigint
language sql immutable parallel safe as $$
    select case
        when i % 10 = 0 and i % 50 <> 0 then 1
        when i % 10 = 0 then 1 + floor(pg_temp.unit(i, seed) * large_domains)::bigint
        else large_domains + 1 + floor((domains - large_domains) * power(pg_temp.unit(i, seed), 2))::bigint
    end
$$;
