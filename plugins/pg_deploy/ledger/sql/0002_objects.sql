-- What stands behind the names of a snapshot: addresses, bound to one server and database; null in older snapshots.
alter table deploy_ledger.snapshot add column objects text;
