-- Everything that changes how the catalog functions word a definition, pinned for this transaction only.
set local search_path = '';
set local quote_all_identifiers = off;
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
-- compiling a statement that runs once costs more than it saves
set local jit = off;
-- a merge join sorts whole catalogs, of which a few rows are wanted
set local enable_mergejoin = off;
-- off would make a table with policies (cron.job) an error instead of a shorter answer
set local row_security = on;
-- a database in SQL_ASCII would answer in bytes
set local client_encoding = 'UTF8';
