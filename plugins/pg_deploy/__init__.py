"""The engine behind the DAGs: apply, verify and roll back migrations of a PostgreSQL database.

The core modules import no Airflow and take an open psycopg connection; `pg_deploy.tasks` is the thin layer that
Airflow's tasks call.
"""
