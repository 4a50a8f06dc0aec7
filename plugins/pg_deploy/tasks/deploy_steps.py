"""The tasks of deploy_migrations, as Airflow knows them. deploy_tasks and backup_tasks say what each does.

That brings the engine, so it is imported when a task runs, not while a DAG file is parsed: docs/decisions/0370.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import task


@task(retries=0)
def preflight() -> dict[str, Any]:
    """Print the state before, refuse what cannot work, pin what this run deploys."""
    from pg_deploy.tasks import deploy_tasks

    return deploy_tasks.preflight()


@task
def earlier() -> None:
    """Apply the pending migrations that have no group, or need none, in order, stopping at the first failure.

    If nothing is left to do in a group, its tasks are skipped, all but `passed`: a process for each would take minutes.
    """
    from pg_deploy.tasks import deploy_tasks

    deploy_tasks.earlier()


@task.branch
def gate(stem: str) -> str:
    """Let a pinned, pending migration through; say of any other why there is nothing to do."""
    from pg_deploy.tasks import deploy_tasks

    return deploy_tasks.gate(stem)


@task
def snapshot(stem: str) -> None:
    """Keep what the database is like before: catalog facts and benchmarks."""
    from pg_deploy.tasks import deploy_tasks

    deploy_tasks.snapshot(stem)


@task
def apply(stem: str) -> None:
    """Bring the change into the database."""
    from pg_deploy.tasks import deploy_tasks

    deploy_tasks.apply(stem)


@task
def verify(stem: str) -> None:
    """Look at the database: checks, benchmarks; the migration counts as deployed when all hold."""
    from pg_deploy.tasks import deploy_tasks

    deploy_tasks.verify(stem)


@task.branch(trigger_rule="none_skipped")
def decide(stem: str) -> str | list[str]:
    """Go to passed or to rollback. To neither if nothing was begun, or if on_failure is stop."""
    from pg_deploy.tasks import deploy_tasks

    return deploy_tasks.decide(stem)


def passed() -> EmptyOperator:
    """The migration is in place, or there was nothing to do. The scheduler judges it by itself, without a process."""
    return EmptyOperator(task_id="passed", trigger_rule="none_failed_min_one_success")


@task
def rollback(stem: str) -> str:
    """Undo the migration, and prove that the state before is back."""
    from pg_deploy.tasks import deploy_tasks

    return deploy_tasks.rollback(stem)


@task(trigger_rule="all_done")
def undo_earlier() -> int:
    """With on_failure rollback_all, and one migration rolled back: undo everything that this run verified, newest first."""
    from pg_deploy.tasks import deploy_tasks

    return deploy_tasks.undo_earlier()


@task(trigger_rule="all_done")
def report() -> None:
    """Judge the pinned set, print the success criteria, and fail unless everything is deployed."""
    from pg_deploy.tasks import deploy_tasks

    deploy_tasks.report()


@task
def backup() -> str:
    """Take the backup that the run's conf asks for, and record it; return at once if nothing is pending."""
    from pg_deploy.tasks import backup_tasks

    return backup_tasks.backup()


@task
def rehearse() -> str:
    """Run the whole pending deployment on a copy first; fails before the target was touched."""
    from pg_deploy.tasks import backup_tasks

    return backup_tasks.rehearse()
