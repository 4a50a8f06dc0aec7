"""The limits beyond which a measure becomes an alert, read from one YAML file.

`python -m pg_deploy.monitor.thresholds` prints the defaults, with a word on each key: a copy to change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.configuration.errors import InvalidDurationError
from pg_deploy.configuration.own_files import MONITORS, own_files
from pg_deploy.migrations.strict_yaml import read_yaml
from pg_deploy.monitor.errors import ThresholdsError
from pg_deploy.postgres.sql_files import ENGINE

NAME = "thresholds.yaml"
DEFAULTS = ENGINE / "monitor" / NAME
SETTING = "PG_DEPLOY_THRESHOLDS"


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a duration with a unit, such as 30 s")
    try:
        return parse_duration(value)
    except InvalidDurationError:
        raise ValueError(f"{value!r} is no duration; write it with a unit, such as 30 s") from None


Seconds = Annotated[float, BeforeValidator(_seconds)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Strict):
    """The limits of one measure, in its unit, and what to do if it is beyond them."""

    above: float | None = None
    below: float | None = None
    alert: bool = True
    ignore: tuple[str, ...] = ()
    do: str = "look at the report's page"

    def ignores(self, thing: str) -> bool:
        """Whether an object of this name is never judged."""
        return any(fnmatchcase(thing, pattern) for pattern in self.ignore)

    def breached_by(self, value: float) -> bool:
        """Whether a value is beyond the limits."""
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)


class ViewLimits(_Strict):
    """The limits of materialized views. Durations are in seconds."""

    grace: Seconds = 900.0
    grace_at_most: Seconds = 21600.0
    without_schedule: Seconds = 86400.0
    limits: dict[str, Seconds] = {}
    refreshed_elsewhere: tuple[str, ...] = ()
    refreshed_by_monitor: tuple[str, ...] = ()
    refresh: Literal["none", "stale"] = "none"
    refresh_timeout: Seconds = 600.0
    lock_budget: Seconds = 2.0
    give_up_after: Seconds = 20.0

    def is_refreshed_elsewhere(self, view: str) -> bool:
        """Whether the file names the view, itself or by a pattern, as one that something else refreshes."""
        return any(fnmatchcase(view, pattern) for pattern in self.refreshed_elsewhere)

    def is_refreshed_by_monitor(self, view: str) -> bool:
        """Whether the file names the view, itself or by a pattern, as one that only this monitor refreshes."""
        return any(fnmatchcase(view, pattern) for pattern in self.refreshed_by_monitor)


class StatementLimits(_Strict):
    """The limits of slow queries. Durations are in seconds."""

    calls: Count = 3
    times_slower: Positive = 3.0
    at_least: Seconds = 0.005
    blocks_times: Positive = 1.5
    times_slower_alone: Positive = 10.0
    at_least_alone: Seconds = 0.05
    new_fastest: Seconds = 0.25
    new_mean: Seconds = 2.0
    new_total: Seconds = 2.0
    not_called: Seconds = 3600.0
    accepted_after: Seconds = 604800.0
    known_for: Seconds = 1209600.0
    windows: Count = 96
    kept: Count = 150
    top: Count = 5


class WatchLimits(_Strict):
    """The limits of the watch after a deployment. Durations are in seconds, the rest is in per cent."""

    lasts: Seconds = 172800.0
    baseline: Seconds = 86400.0
    noticeable: Positive = 10.0
    worse: Positive = 50.0


class Thresholds(_Strict):
    """The whole file."""

    retention: Seconds = 1209600.0
    remind_after: Seconds = 86400.0
    measures: dict[str, Limit] = {}
    views: ViewLimits = ViewLimits()
    statements: StatementLimits = StatementLimits()
    watch: WatchLimits = WatchLimits()

    def of(self, measure: str) -> Limit:
        """The limits of a measure. One without an entry is only shown."""
        return self.measures.get(measure, Limit())


def thresholds_file(project: Path | None = None) -> Path:
    """The file with the limits in force: what PG_DEPLOY_THRESHOLDS names, else the project's own, else the defaults.

    `project` is as in `own_files`; a project that is named goes before the setting.
    """
    named = os.environ.get(SETTING)
    if named and project is None:
        return Path(named)
    own = own_files(project)
    theirs = own / MONITORS / NAME if own else None
    return theirs if theirs is not None and os.path.lexists(theirs) else DEFAULTS


def read_thresholds(
    file: Path | None = None, changes: Mapping[str, object] | None = None, *, project: Path | None = None
) -> Thresholds:
    """The limits in force: from `file`, else from the file that `thresholds_file` names.

    `changes` have the shape of the file and hold only what differs from it.

    Raises ThresholdsError for a file that cannot be read, an unknown key or a wrong type.
    """
    path = file or thresholds_file(project)
    try:
        values = read_yaml(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ThresholdsError(str(path), error.strerror or "it cannot be read") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ThresholdsError(str(path), " ".join(str(error).split())) from None
    if not isinstance(values, dict):
        raise ThresholdsError(str(path), "it holds no mapping")
    values = _changed(values, changes or {})
    entries = values.get("measures")
    if isinstance(entries, dict):
        # A measure whose entry is empty is only shown.
        values["measures"] = {name: entry or {} for name, entry in entries.items()}
    try:
        return Thresholds.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ThresholdsError(
            f"{path}{' with the conf' if changes else ''}",
            f"{where}: {str(first['msg']).removeprefix('Value error, ').lower()}",
        ) from None


def _changed(values: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    merged = dict(values)
    for key, new in changes.items():
        old = merged.get(key)
        merged[key] = _changed(old or {}, new) if isinstance(new, Mapping) and isinstance(old, dict | None) else new
    return merged


if __name__ == "__main__":
    print(DEFAULTS.read_text(encoding="utf-8"), end="")
