#!/bin/sh
# The service "init" of docker-compose.yaml: makes or updates Airflow's tables, and makes the first user. It may run again and again.
set -eu
airflow db migrate
airflow users create --username "$ADMIN_USER" --password "$ADMIN_PASSWORD" \
    --role Admin --firstname First --lastname Admin --email "$ADMIN_USER@localhost"
