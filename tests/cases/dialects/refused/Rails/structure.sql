create table public.a (id int);
INSERT INTO "schema_migrations" (version) VALUES ('20240101000000');
