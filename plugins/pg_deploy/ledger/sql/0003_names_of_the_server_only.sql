-- What the ledger computes by itself is bound to the server's own functions, whatever stood in a schema that others may
-- write when the ledger was made. EXPLAIN sees no names but qualified ones.

alter table deploy_ledger.revision alter column made_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.deployment
    alter column fence set default pg_catalog.nextval('deploy_ledger.fence_seq'::pg_catalog.regclass),
    alter column started_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.attempt alter column started_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.snapshot alter column taken_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.evidence alter column recorded_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.sample alter column taken_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.alert
    alter column started_at set default pg_catalog.clock_timestamp(),
    alter column seen_at set default pg_catalog.clock_timestamp();
alter table deploy_ledger.refresh alter column started_at set default pg_catalog.clock_timestamp();

alter function deploy_ledger.plan(text) set search_path = '';
