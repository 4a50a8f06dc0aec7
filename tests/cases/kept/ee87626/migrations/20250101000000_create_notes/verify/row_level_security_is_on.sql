select relname as problem from pg_class where oid = 'public.notes'::regclass and not relrowsecurity;
