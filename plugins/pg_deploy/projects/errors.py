"""Failures of projects, one class each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pg_deploy.errors import PgDeployError


class InvalidProjectError(PgDeployError):
    """A project that cannot be used as it is written."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f'the project "{name}" cannot be used: {problem}; correct it where its DAGs are made')


class InvalidProjectFileError(PgDeployError):
    """A file of projects that cannot be used; the message shows the line, with a caret below what is wrong."""

    def __init__(self, path: Path, problem: str, line: int, column: int, text: str) -> None:
        shown = f"\n  line {line}: {text}\n  {' ' * (len(f'line {line}: ') + column - 1)}^" if line else ""
        super().__init__(f'"{path}" cannot be used: {problem}; correct it, and Airflow reads it again by itself{shown}')


class NotOfProjectError(PgDeployError):
    """A run names a target that its project does not have."""

    def __init__(self, target: str, project: str, targets: Sequence[str]) -> None:
        super().__init__(
            f'"{target}" is no target of the project "{project}": choose {" or ".join(targets)}; who may deploy there triggers '
            "the DAG of that project"
        )


class NoProjectError(PgDeployError):
    """A task of a DAG that no call of deployment_dags made in this process."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(
            f'nothing in this process made the DAG "{dag_id}" by deployment_dags: look whether its DAG file can be parsed here'
        )


class OutsideWindowError(PgDeployError):
    """A run wants to change a target outside of the project's window."""

    def __init__(self, project: str, window: str, now: datetime, opens: datetime) -> None:
        super().__init__(
            f'the project "{project}" changes its databases only {window}, and it is {now:%a %H:%M} there: nothing more was changed; '
            f"trigger a run after {opens:%a %Y-%m-%d %H:%M}, or with dry_run now"
        )


class NotAnApproverError(PgDeployError):
    """An approval came from somebody who is not among the project's approvers."""

    def __init__(self, stems: str, by: str, approvers: Sequence[str]) -> None:
        super().__init__(
            f'"{stems}" was approved by {by}, and only {", ".join(approvers)} may: nothing of it was applied; trigger a new run, and '
            "let one of them answer"
        )
