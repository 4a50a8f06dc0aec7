select
    coalesce(a.name, e.extname)::text as name,
    a.default_version as available,
    e.extversion as installed
from pg_catalog.pg_available_extensions a
full join pg_catalog.pg_extension e on e.extname = a.name
order by 1
