"""What a look saw of a view, and how the view is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pg_deploy.monitor.cron import Cron
from pg_deploy.monitor.jobs import KnownJob
from pg_deploy.monitor.known_jobs_and_views import KnownView
from pg_deploy.monitor.refreshers import Refreshes
from pg_deploy.monitor.thresholds import ViewLimits


@dataclass(frozen=True)
class Holder:
    """A session whose lock on a view keeps others waiting.

    `words` names the session for a sentence. `idle` is true if it does nothing and keeps its transaction open.
    """

    pid: int
    words: str
    idle: bool


@dataclass(frozen=True)
class SeenView:
    """One view as this look saw it.

    `stated_age_s` is its age by its own column materialized_at, `stated_age_problem` says why that column tells no age.
    `concurrently` and `may_refresh` say whether it can be refreshed CONCURRENTLY, and by this role.
    `kept_job` is the job that the last deployment left for it.
    """

    oid: int
    name: str
    populated: bool
    concurrently: bool
    may_refresh: bool
    owner: str
    bytes: int | None = None
    rows: int | None = None
    refreshed_s: float | None = None
    stated_age_s: float | None = None
    stated_age_problem: str | None = None
    holders: tuple[Holder, ...] = ()
    known: KnownView = field(default_factory=lambda: KnownView(""))
    kept_job: str | None = None


@dataclass(frozen=True)
class Look:
    """What one look saw that is the same for all views. `known` and `refreshes` go by job id, `names` by the views' oids."""

    now: datetime
    cron: Cron
    known: Mapping[int, KnownJob]
    refreshes: Mapping[int, Refreshes]
    limits: ViewLimits
    names: Mapping[int, str] = field(default_factory=dict)
    runs_problem: str | None = None


@dataclass(frozen=True)
class Verdict:
    """How a view is judged. What is merely not known is neither stale nor an alert.

    Alerts with the same `group` have one cause and are told as one.
    """

    cause: str
    what_to_do: str = ""
    stale: bool = False
    alert: bool = False
    worth_a_look: bool = False
    group: str = ""
    job: KnownJob | None = None
