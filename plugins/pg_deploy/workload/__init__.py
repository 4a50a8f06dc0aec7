"""The workload proof: what a migration does to the statements that the application sends, asked on both sides of a copy."""
