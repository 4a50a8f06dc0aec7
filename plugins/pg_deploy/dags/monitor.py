"""### Watch the database: freshness, slow queries, and whether the last deployment helped

**When it runs:** every 15 minutes, and at once after a deployment. Trigger it by hand whenever you want to know, or with
`refresh` = all to refresh the materialized views. (In a checkout: `make monitor`, `make refresh`.)

**What it does:** `measure` reads what SQL can see, in a few short read-only queries. `measure_outside` asks the application's
endpoints, Redis and Prometheus, if the connections `<target>_api`, `<target>_redis`, `<target>_prometheus` exist. `report` opens and
ends alerts, and writes the page; it reports an alert when it begins, when it ends, and once a day in between. Only then, and only if
`refresh` or the setting `views.refresh` says so, `refresh_stale_views` refreshes stale views and `measure_again` measures them.

**Params:** `target`, and `refresh`: the views that are refreshed (none, stale, all).

**Red means:** something could not be measured, most often because the target cannot be reached. An open alert does not make a run red.

**What to do about an alert:** each says so on the page. Limits are in the project's `thresholds.yaml`, or are the package's own.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Label, chain

from pg_deploy.configuration.conf import MonitorConf
from pg_deploy.dags.common import common
from pg_deploy.projects.project import Project
from pg_deploy.tasks.airflow_versions import AssetOrTimeSchedule, CronTriggerTimetable
from pg_deploy.tasks.assets import target_changed
from pg_deploy.tasks.forms import form
from pg_deploy.tasks.monitor_steps import (
    find_stale,
    measure,
    measure_again,
    measure_outside,
    refresh_stale_views,
    report,
)


def monitor_dag(project: Project) -> DAG:
    """The DAG that watches a project's database."""
    changed = target_changed(project)
    # Each task looks before it writes, so a try that was killed, or that began before Airflow was up, can simply be repeated.
    retried = {"retries": 2, "retry_delay": timedelta(seconds=15)}
    with DAG(
        project.dags.monitor,
        schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable(project.schedule, timezone="UTC"), assets=[changed])
        if project.schedule
        else [changed],
        max_active_runs=1,
        params=form(MonitorConf, project),
        **common(project, __doc__, "monitor", retried),
    ) as dag:
        measured, reported = measure(), report()
        chain(measured, measure_outside(), reported)
        chain(measured, reported, find_stale(), Label("stale"), refresh_stale_views(), measure_again())
    return dag
