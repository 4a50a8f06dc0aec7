"""The DAGs of this installation in Airflow: deploy_migrations, rollback_migrations, baseline_migrations, restore_backup, monitor_database.

Which folder of migrations they deploy is a setting (MIGRATIONS_DIR), and which database a run's conf. In an Airflow of your own,
`deployment_dags` makes the DAGs of each of your services: docs/projects.md.
"""

from pg_deploy.dags import own_dags

own_dags()
