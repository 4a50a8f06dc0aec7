#!/bin/sh
# Runs Airflow's components in one process session, each with its own log, and starts a component again if it dies.
# launch/components.py calls it: components.sh <folder of the logs>. It ends when its session is ended.
logs=$1

keep() {
    log=$logs/$1.log
    while :; do
        airflow "$@" >>"$log" 2>&1
        echo "=== airflow $1 ended with exit code $?; starting it again in 2 s" >>"$log"
        sleep 2
    done
}

keep api-server &
# Airflow's log servers would listen on all addresses; the UI reads the logs of this machine from the disk.
keep scheduler --skip-serve-logs &
keep triggerer --skip-serve-logs &
# It parses every few seconds as long as Airflow runs: at the level INFO its log would fill the disk.
(
    export AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
    keep dag-processor
) &
wait
