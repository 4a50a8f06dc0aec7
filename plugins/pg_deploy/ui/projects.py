"""Which projects there are, as the web server knows them: it never reads a DAG file, so each monitor DAG carries its project's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.models.dag import DagModel, DagTag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from pg_deploy.configuration.dag_names import OWN, DagNames, dag_names, names_beside
from pg_deploy.dags.common import TAG
from pg_deploy.tasks.forms import PROJECT_KEY

DEFAULT_TARGET = "target_db"


@dataclass(frozen=True)
class KnownProject:
    """A project of this Airflow. One without a name is the installation's own set of DAGs, whose runs may name any target."""

    name: str = ""
    targets: tuple[str, ...] = (DEFAULT_TARGET,)
    migrations: Path | None = None
    thresholds: Path | None = None
    ledger: str = "deploy_ledger"

    @property
    def takes_any_target(self) -> bool:
        """Whether its runs may name a target that is not listed."""
        return not self.name

    @property
    def own_files(self) -> Path | None:
        """The folder around its migrations; see `configuration.own_files`."""
        return self.migrations.parent if self.migrations else None

    @property
    def dags(self) -> DagNames:
        """The ids of its DAGs."""
        return dag_names(self.name)


_MONITORS = (
    select(DagModel.dag_id)
    .join(DagTag, DagTag.dag_id == DagModel.dag_id)
    .where(DagTag.name == TAG, DagModel.is_stale.is_(False), DagModel.dag_id.startswith("monitor_"))
)


def known_projects() -> tuple[KnownProject, ...]:
    """The projects whose DAGs Airflow has read, by name; first the own set of DAGs, if it is there or nothing else is. Reads only."""
    with create_session() as session:
        monitors = session.scalars(_MONITORS).all()
        serialized = [SerializedDagModel.get(dag_id, session=session) for dag_id in monitors if dag_id != OWN.monitor]
    named = sorted(filter(None, map(_project, serialized)), key=lambda project: project.name)
    return (*([KnownProject()] if OWN.monitor in monitors or not named else []), *named)


def project_with(dag_id: str) -> KnownProject | None:
    """The project that has this DAG, or None if none of ours has. Reads only."""
    names = names_beside(dag_id)
    if dag_id not in names.all:
        return None
    with create_session() as session:
        if names == OWN:
            # The own set of DAGs is taken for there if nothing else is, as in known_projects.
            monitors = session.scalars(_MONITORS).all()
            return KnownProject() if not monitors or OWN.monitor in monitors else None
        monitor = session.scalar(_MONITORS.where(DagModel.dag_id == names.monitor))
        return _project(SerializedDagModel.get(monitor, session=session)) if monitor else None


def _project(serialized: SerializedDagModel | None) -> KnownProject | None:
    if serialized is None:
        return None
    params = (serialized.data or {})["dag"].get("params", ())
    schema: Any = next((_plain(param["schema"]) for name, param in params if name == "target"), {})
    carried = schema.get(PROJECT_KEY)
    if not isinstance(carried, Mapping):
        return None
    return KnownProject(
        str(carried["name"]),
        tuple(map(str, carried["targets"])),
        Path(str(carried["migrations"])),
        Path(str(carried["thresholds"])) if carried["thresholds"] else None,
        str(carried["ledger"]),
    )


def _plain(serialized: Any) -> Any:
    """A mapping as it was before Airflow serialized it, which wraps each in `{"__var": …, "__type": "dict"}`."""
    inner = serialized.get("__var", serialized) if isinstance(serialized, Mapping) else serialized
    return {name: _plain(value) for name, value in inner.items()} if isinstance(inner, Mapping) else inner
