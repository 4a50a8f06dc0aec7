"""The tasks of monitor_database, as Airflow knows them. What each does is in monitor_tasks.

That brings the engine, so it is imported when a task runs, not while a DAG file is parsed: docs/decisions/0370.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import task

# The sum of all deadlines of a look is far below it.
_ANSWERS_WITHIN = timedelta(minutes=5)


@task(execution_timeout=_ANSWERS_WITHIN)
def measure() -> int:
    """Measure what SQL can see, and keep it as a sample; its id."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.measure(_ANSWERS_WITHIN)


@task
def measure_outside() -> int:
    """Measure the application's side, if its connections exist."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.measure_outside()


@task.branch(trigger_rule="all_done")
def find_stale() -> str | None:
    """Once everything is reported, go on to the refresh, if a setting or the conf asks for one and there is something to refresh."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.find_stale()


@task
def refresh_stale_views() -> dict[str, str]:
    """Refresh what is stale, without stalling its readers or its jobs."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.refresh_stale_views()


@task
def measure_again() -> int:
    """Look at the views once more; how many are still stale."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.measure_again()


@task(trigger_rule="all_done")
def report() -> dict[str, int]:
    """Open and end alerts, tell them once, write the page; fail only if something could not be measured."""
    from pg_deploy.tasks import monitor_tasks

    return monitor_tasks.report()
