"""The tasks of restore_backup, as Airflow knows them. What each does is in restore_tasks.

That brings the engine, so it is imported when a task runs, not while a DAG file is parsed: docs/decisions/0370.
"""

from __future__ import annotations

from airflow.sdk import task


@task
def restore() -> str:
    """Check the backup, restore it into a new database, compare, and say how to switch; returns the database's name."""
    from pg_deploy.tasks import restore_tasks

    return restore_tasks.restore()
