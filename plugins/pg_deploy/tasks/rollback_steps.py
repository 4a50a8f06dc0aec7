"""The tasks of rollback_migrations, as Airflow knows them. What each does is in rollback_tasks.

That brings the engine, so it is imported when a task runs, not while a DAG file is parsed: docs/decisions/0370.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


@task
def preflight() -> dict[str, Any]:
    """Show what would be undone and lost, refuse what cannot be undone, take the target, pin the list."""
    from pg_deploy.tasks import rollback_tasks

    return rollback_tasks.preflight()


@task
def undo() -> int:
    """Undo each in reverse order, prove each, stop at the first failure."""
    from pg_deploy.tasks import rollback_tasks

    return rollback_tasks.undo()


@task(trigger_rule="all_done")
def report() -> None:
    """Say what was undone, mended and lost; fail unless everything that was asked for is undone."""
    from pg_deploy.tasks import rollback_tasks

    rollback_tasks.report()
