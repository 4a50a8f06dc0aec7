-- What the database was like when a person was asked: others may change it until the answer comes.

alter table deploy_ledger.snapshot drop constraint snapshot_moment_check;
alter table deploy_ledger.snapshot add constraint snapshot_moment_check
    check (moment in ('before', 'after', 'undoing', 'rolled_back', 'deployed', 'asked'));
