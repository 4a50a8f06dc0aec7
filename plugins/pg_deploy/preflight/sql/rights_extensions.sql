select
    a.name::text as name,
    bool_or(v.superuser and not v.trusted) as superuser_only
from pg_catalog.pg_available_extensions a
join pg_catalog.pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
where a.name = any (%s::text[])
    and a.installed_version is null
group by a.name
