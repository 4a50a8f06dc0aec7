drop table public.notes; -- until then the reader's password = 'verysecret'
