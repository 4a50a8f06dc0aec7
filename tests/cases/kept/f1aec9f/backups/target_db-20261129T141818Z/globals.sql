create role anon;
create role member;
alter role admin with superuser inherit createrole createdb login replication bypassrls connection limit -1;
alter role anon with nosuperuser inherit nocreaterole nocreatedb nologin noreplication nobypassrls connection limit -1;
alter role member with nosuperuser inherit nocreaterole nocreatedb nologin noreplication nobypassrls connection limit -1;
grant anon to member granted by admin;
alter role member set work_mem to '8MB';
alter database kept owner to admin;
