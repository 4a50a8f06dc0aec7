"""Our tables in the target, schema deploy_ledger: who holds it, what was tried, with what evidence."""
