"""The pages in Airflow's UI. They read Airflow's own data and the target's ledger, and write nothing."""
