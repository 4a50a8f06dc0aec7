"""The DAG restore_backup of this installation in Airflow. Its runbook, and its tasks: plugins/pg_deploy/dags/restore.py."""

from pg_deploy.dags import own_dag

own_dag("restore")
