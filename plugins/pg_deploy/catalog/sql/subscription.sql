-- The connection string is not read: it holds a password, and only superusers may read it. The other columns are named one by
-- one, because others may read no more. suborigin and the rest are newer than 14: the name finds the inner column, or the outer null.
select
    'subscription' as kind,
    null as identity,
    array[quote_ident(s.subname)] as parts,
    'database' as scope,
    jsonb_build_object(
        'owner', pg_get_userbyid(s.subowner),
        'enabled', s.subenabled,
        'binary', s.subbinary,
        'streaming', s.substream::text,
        'slot', s.subslotname,
        'synchronous commit', s.subsynccommit,
        'publications', (select jsonb_agg(p order by p collate "C") from unnest(s.subpublications) p),
        'two phase', newer.two_phase,
        'disable on error', newer.disable_on_error,
        'password required', newer.password_required,
        'run as owner', newer.run_as_owner,
        'origin', newer.origin,
        'failover', newer.failover
    ) as definition
from pg_catalog.pg_subscription s
cross join (
    select
        null::text as subtwophasestate,
        null::text as subdisableonerr,
        null::text as subpasswordrequired,
        null::text as subrunasowner,
        null::text as suborigin,
        null::text as subfailover
) missing
cross join lateral (
    select
        (select subtwophasestate::text from pg_catalog.pg_subscription i where i.oid = s.oid) as two_phase,
        (select subdisableonerr::text from pg_catalog.pg_subscription i where i.oid = s.oid) as disable_on_error,
        (select subpasswordrequired::text from pg_catalog.pg_subscription i where i.oid = s.oid) as password_required,
        (select subrunasowner::text from pg_catalog.pg_subscription i where i.oid = s.oid) as run_as_owner,
        (select suborigin::text from pg_catalog.pg_subscription i where i.oid = s.oid) as origin,
        (select subfailover::text from pg_catalog.pg_subscription i where i.oid = s.oid) as failover
) newer
where s.subdbid = (select b.oid from pg_catalog.pg_database b where b.datname = current_database())
