"""The monitor measures a database, judges what it measured, and tells each trouble once.

A look is one run of the monitor, and a sample is what the ledger keeps of it. Where pg_cron is read, a run is one of a job of pg_cron.
A statement is an entry of pg_stat_statements, and a query is a statement of the application.
"""
