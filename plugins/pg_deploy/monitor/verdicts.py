"""What a look saw of a view, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pg_deploy.monitor.cron import Cron
from pg_deploy.monitor.jobs import Known
from pg_deploy.monitor.refreshers import Refreshes
from pg_deploy.monitor.remembered import KnownView
from pg_deploy.monitor.thresholds import Views


@dataclass(frozen=True)
class Holder:
    """A session that keeps others from a view; `idle`: it does nothing, and sits in its transaction."""

    pid: int
    words: str
    idle: bool


@dataclass(frozen=True)
class Seen:
    """One view as this look saw it. `told_s` is the age that it tells itself; `told_badly` why that cannot be placed."""

    oid: int
    name: str
    populated: bool
    concurrently: bool
    mine: bool
    owner: str
    bytes: int | None = None
    rows: int | None = None
    refreshed_s: float | None = None
    told_s: float | None = None
    told_badly: str | None = None
    holders: tuple[Holder, ...] = ()
    known: KnownView = field(default_factory=lambda: KnownView(""))
    kept_job: str | None = None


@dataclass(frozen=True)
class Look:
    """What is the same for all views of one look."""

    now: datetime
    cron: Cron
    known: Mapping[int, Known]
    refreshes: Mapping[int, Refreshes]
    limits: Views
    names: Mapping[int, str] = field(default_factory=dict)
    runs_problem: str | None = None


@dataclass(frozen=True)
class Verdict:
    """`stale` and `alert` are never both true of what is only not known."""

    cause: str
    do: str = ""
    stale: bool = False
    alert: bool = False
    worth: bool = False
    group: str = ""
    job: Known | None = None
