"""Settings of backups and rehearsals. They belong to the installation, not to a run, so they come from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.configuration.errors import InvalidSettingError

MASKED = (
    "*password*", "*passwd*", "*secret*", "*token*", "*api_key*", "*apikey*", "*private_key*", "*credential*",
)  # fmt: skip
"""The text of columns with these names is masked in a copy; * stands for anything. PG_DEPLOY_MASK adds more names."""


OWN_CLONE = "PG_DEPLOY_CLONE"


@dataclass(frozen=True)
class BackupSettings:
    """`keep_age` in seconds; `workdir` is where dumps are staged and copies live."""

    uri: str
    keep_count: int
    keep_age: float
    jobs: int
    workdir: Path | None
    masked: tuple[str, ...]
    installation: str = ""
    """It distinguishes this Airflow from another that keeps its backups in the same place. Only its digest is ever written."""


def backup_settings() -> BackupSettings:
    """The settings in force. Raises InvalidSettingError, or InvalidDurationError for a duration without a unit."""
    home = os.environ.get("AIRFLOW_HOME") or str(Path.home() / "airflow")
    workdir = os.environ.get("PG_DEPLOY_WORKDIR")
    if workdir and not Path(workdir).is_dir():
        raise InvalidSettingError("PG_DEPLOY_WORKDIR", workdir, "a folder on this worker")
    more = [name.strip() for name in os.environ.get("PG_DEPLOY_MASK", "").split(",") if name.strip()]
    return BackupSettings(
        uri=os.environ.get("BACKUP_URI") or f"file://{home}/backups",
        keep_count=_number("PG_DEPLOY_BACKUP_KEEP", 10),
        keep_age=parse_duration(os.environ.get("PG_DEPLOY_BACKUP_KEEP_FOR", "30 d")),
        jobs=_number("PG_DEPLOY_BACKUP_JOBS", max(2, min(8, os.cpu_count() or 2))),
        workdir=Path(workdir) if workdir else None,
        masked=(*MASKED, *more),
        installation=os.environ.get("PG_DEPLOY_INSTALLATION") or os.environ.get("AIRFLOW__CORE__FERNET_KEY") or home,
    )


def clone_wait() -> float:
    """How long a clone that is made for a rehearsal may take to be ready, in seconds. Raises InvalidDurationError."""
    return parse_duration(os.environ.get("PG_DEPLOY_CLONE_WAIT", "30 min"))


def own_clone() -> str | None:
    """What makes the clones of the set of DAGs that belongs to no project, as `clone` of a project says it; None if nothing does."""
    return os.environ.get(OWN_CLONE) or None


def _number(name: str, default: int) -> int:
    given = os.environ.get(name)
    if not given:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise InvalidSettingError(name, given, "a whole number from 1 up")
    return int(given)
