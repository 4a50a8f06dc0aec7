-- Projects add their tables to this publication from their own migrations, which takes its owner. Run as supabase_admin.

-- A server without logical replication, such as this one, warns that nothing is published; the publication is made.
set client_min_messages = error;
create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
reset client_min_messages;
