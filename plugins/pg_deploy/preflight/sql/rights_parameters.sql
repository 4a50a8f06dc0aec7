select s.name
from pg_catalog.pg_settings s
where s.name = any (%s::text[])
    and s.context = 'superuser'
