"""The DAG deploy_migrations of this installation in Airflow. Its runbook, and its tasks: plugins/pg_deploy/dags/deploy.py."""

from pg_deploy.dags import own_dag

own_dag("deploy")
