"""The pages in Airflow's UI: they read Airflow's own data and the target's ledger, and write nothing."""
