select
    p.gid,
    p.owner::text as owner,
    extract(epoch from clock_timestamp() - p.prepared)::float8 as age_seconds
from pg_catalog.pg_prepared_xacts p
where p.database = current_database()
order by p.prepared
