"""### Watch the database: freshness, slow queries, and whether the last deployment did good

**When it runs:** every 15 minutes, and at once after a deployment. Trigger it by hand whenever you want to know
(`make monitor`), or with `refresh` = all to refresh the materialized views (`make refresh`).

**What it does:** `measure` reads what SQL can see, in a few short read-only queries. `measure_outside` asks the application's
endpoints, Redis and Prometheus, where the connections `<target>_api`, `<target>_redis`, `<target>_prometheus` exist. A materialized view
that is too old goes through `refresh_stale_views` and `measure_again`. `report` opens and ends alerts, tells each once when it begins,
once when it ends and once a day in between, and writes the page.

**Params:** `target`, and `refresh`: the views that are refreshed (stale, all, none).

**Red means:** something could not be measured, above all: the target cannot be reached. An open alert does not make a run red.

**What to do about an alert:** each says so on the page. Limits are in `sql/monitors/thresholds.yaml`.
"""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Label, chain

from pg_deploy.edge.assets import TARGET_CHANGED
from pg_deploy.edge.monitor_params import monitor_params
from pg_deploy.edge.monitor_tasks import (
    find_stale,
    measure,
    measure_again,
    measure_outside,
    refresh_stale_views,
    report,
)

with DAG(
    "monitor_database",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"), assets=[TARGET_CHANGED]
    ),
    catchup=False,
    max_active_runs=1,
    params=monitor_params(),
    doc_md=__doc__,
    tags=["database", "monitor"],
) as dag:
    measured, decided, reported = measure(), find_stale(), report()
    measured >> measure_outside() >> reported
    measured >> decided >> Label("fresh") >> reported
    chain(decided, Label("stale"), refresh_stale_views(), measure_again(), reported)
