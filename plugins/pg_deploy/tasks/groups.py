"""Which migrations have a task group in the DAG at hand. Reads names only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pg_deploy.configuration.installation import MOST_GROUPS
from pg_deploy.migrations.folder import stems
from pg_deploy.migrations.names import NAME, order


def group_stems(folder: Path) -> tuple[str, ...]:
    """The newest well-named migrations of the folder, in order. Never raises."""
    named = [stem for stem in stems(folder) if NAME.fullmatch(stem)]
    named.sort(key=lambda stem: (order(stem.split("_", 1)[0]), stem))
    return tuple(named[-MOST_GROUPS:])


def group_of(stem: str) -> str:
    """The task group of a migration: its name, but for the dots, which separate a group from its tasks."""
    return stem.replace(".", "_")


def tasks_of(dag: Any, group: str) -> Sequence[str]:
    """The tasks of a group of this DAG, by id."""
    return [task_id for task_id in dag.task_ids if task_id.startswith(f"{group}.")]


def groups_in(dag: Any) -> Sequence[str]:
    """The migrations' groups of this DAG, by id, in the order of the file."""
    return [task_id.removesuffix(".gate") for task_id in dag.task_ids if task_id.endswith(".gate")]


def versions_without_group(dag: Any, versions: Iterable[str]) -> Sequence[str]:
    """Those of `versions` for which this DAG has no group: the task `earlier` takes them."""
    grouped = {group.split("_", 1)[0] for group in groups_in(dag)}
    return [version for version in versions if version not in grouped]
