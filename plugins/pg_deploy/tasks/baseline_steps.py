"""The tasks of baseline_migrations, as Airflow knows them. What each does is in baseline_tasks.

That brings the engine, so it is imported when a task runs, not while a DAG file is parsed: docs/decisions/0370.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


@task
def check() -> dict[str, Any]:
    """Say what would be adopted, refuse what makes no sense, take the target."""
    from pg_deploy.tasks import baseline_tasks

    return baseline_tasks.check()


@task
def adopt() -> int:
    """Record each migration as in place, one transaction a version."""
    from pg_deploy.tasks import baseline_tasks

    return baseline_tasks.adopt()


@task(trigger_rule="all_done")
def report() -> None:
    """Say what was adopted on whose word and what was not checked; fail unless everything pinned is adopted."""
    from pg_deploy.tasks import baseline_tasks

    baseline_tasks.report()
