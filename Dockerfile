# The image of docker-compose.yaml: the official Airflow with the packages of requirements.txt, and PostgreSQL's programs for backups and rehearsals.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}-python3.12

# A dump needs programs that are no older than the server, a rehearsal those of its major version: so each supported major is here.
ARG POSTGRES_MAJORS="14 15 16 17 18"
USER root
RUN set -eu; \
    apt-get update -qq; \
    apt-get install -qq -y --no-install-recommends bubblewrap ca-certificates curl postgresql-common; \
    mkdir -p /etc/postgresql-common/createcluster.d; \
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main-cluster.conf; \
    /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y; \
    for major in $POSTGRES_MAJORS; do \
        apt-get install -qq -y --no-install-recommends "postgresql-$major" "postgresql-$major-cron"; \
    done; \
    rm -rf /var/lib/apt/lists/*; \
    install -d -o airflow -g root -m 775 /opt/pg_deploy /opt/airflow/logs /opt/airflow/backups

USER airflow
WORKDIR /opt/pg_deploy
COPY --chown=airflow:root requirements.txt ./
# The lock is complete and exact, as in .venv: it replaces packages that the image has in other versions.
RUN pip install --no-cache-dir --no-deps -r requirements.txt
COPY --chown=airflow:root . .
ENV PYTHONPATH=/opt/pg_deploy/plugins
WORKDIR /opt/airflow
