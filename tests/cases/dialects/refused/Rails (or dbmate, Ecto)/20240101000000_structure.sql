CREATE TABLE public.schema_migrations (version character varying NOT NULL);
CREATE TABLE public.a (id int);
SET search_path TO "$user", public;

INSERT INTO "schema_migrations" (version) VALUES
('20240101000000');
