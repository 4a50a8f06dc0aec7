"""What the DAGs tell each other."""

from __future__ import annotations

from airflow.sdk import Asset

from pg_deploy.projects.project import Project


def target_changed(project: Project) -> Asset:
    """A deployment of that project has ended with everything in place: its monitor looks at once."""
    name = f"_{project.name}" if project.name else ""
    return Asset(name=f"target_changed{name}", uri=f"pg-deploy://target-changed{name.replace('_', '/', 1)}")
