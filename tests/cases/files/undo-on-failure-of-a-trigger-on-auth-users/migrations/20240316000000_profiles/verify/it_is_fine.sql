select 'only wrong on the target' as problem from deploy_ledger.deployment where dag_id = 'deploy_migrations';
