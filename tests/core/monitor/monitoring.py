"""Runs of the monitor's core, one after the other, as the DAG does them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pg_deploy.monitor.conclude import conclude
from pg_deploy.monitor.judge import Alert, read_open_alerts
from pg_deploy.monitor.refreshing import refresh_views
from pg_deploy.monitor.take_sample import look_again_at_views, read_stale_views, take_sample
from pg_deploy.monitor.thresholds import Thresholds
from pg_deploy.postgres.session import Target
from tests.looking import Database


@dataclass(frozen=True)
class Outcome:
    """What one run told, which alerts are open after it, and its page."""

    started: list[str]
    ended: list[str]
    open: tuple[Alert, ...]
    problems: tuple[str, ...]
    page: str

    def causes(self, measure: str) -> Mapping[str, str]:
        """The open alerts of a measure: cause by object."""
        return {alert.object: alert.cause for alert in self.open if alert.measure == measure}

    @property
    def lines(self) -> list[str]:
        """The lines that `make monitor` counts."""
        return [line for line in self.page.splitlines() if line.startswith("ALERT")]


@dataclass
class Monitor:
    """The monitor of one database. `reminders` counts the reminders that it has told."""

    database: Database
    thresholds: Thresholds
    role_url: str | None = None
    reminders: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def run(self, now: datetime | None = None) -> Outcome:
        """One whole run: measure, conclude, and, if a setting says so, refresh what is stale and look again."""
        target = Target("target_db", self.role_url or self.database.url)
        lines: list[str] = []
        log = logging.Logger("monitor test", logging.INFO)
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        heard: list[str] = []

        def tell(subject: str, text: str) -> bool:
            heard.extend(text.splitlines())
            return True

        sample = take_sample(target, self.thresholds, f"run {next(self._numbers)}", log, now=now)
        found = conclude(target, self.thresholds, sample, tell=tell, contacts="", log=log)
        stale = read_stale_views(target, sample) if self.thresholds.views.refresh == "stale" else ()
        if stale:
            look_again_at_views(
                target, self.thresholds, sample, refresh_views(target, self.thresholds.views, stale, log)
            )
        with target.session("test") as connection:
            alerts = read_open_alerts(connection)
        self.reminders += len(_told(heard, "still open"))
        return Outcome(
            _told(heard, "began"),
            _told(heard, "ended"),
            alerts,
            found.problems,
            "\n".join(lines),
        )


def _told(heard: list[str], word: str) -> list[str]:
    """The measure and object of each alert that the notices' text tells with this word."""
    return [line.removeprefix(f"{word}: ").split(": ")[0] for line in heard if line.startswith(f"{word}: ")]
