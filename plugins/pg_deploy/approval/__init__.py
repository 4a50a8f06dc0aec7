"""What has to be in the ledger before a migration is begun: its rehearsal, its risk, a person's answer."""
