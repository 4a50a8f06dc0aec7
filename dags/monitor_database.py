"""The DAG monitor_database of this installation in Airflow. Its runbook, and its tasks: plugins/pg_deploy/dags/monitor.py."""

from pg_deploy.dags import own_dag

own_dag("monitor")
