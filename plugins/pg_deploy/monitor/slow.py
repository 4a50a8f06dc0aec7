"""Slow queries: slower than their own history, or new and bad, by rules that load alone does not trip."""

from __future__ import annotations

import re
import statistics as stats
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pg_deploy.monitor.statements import Counter, Window
from pg_deploy.monitor.thresholds import Statements

# Half of a normal distribution lies within 0.67 standard deviations of its median.
_MAD_TO_SIGMA = 1.4826
_SIGMAS = 6
# Fewer runs than this are no history of their own; then the counters since the last reset stand for one.
_ENOUGH_WINDOWS = 3
_ENOUGH_CALLS = 20
_QUERY = re.compile(
    r"^\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*(select|insert|update|delete|merge|with|values|table|\()", re.I | re.S
)


@dataclass(frozen=True)
class Slow:
    """A statement that deserves a look; times in ms. `before_ms` is None for a new one."""

    key: str
    now: Window
    before_ms: float | None
    before_blocks: float | None

    @property
    def object(self) -> str:
        """Its name in an alert."""
        return f"query {self.key.split('/')[0]}"


def slower(
    now: Mapping[str, Window],
    history: Mapping[str, Sequence[Window]],
    long_term: Mapping[str, Counter],
    limits: Statements,
) -> list[Slow]:
    """Statements slower than their own history: beyond its median and its usual spread, and by reading more.

    `history` is each statement's earlier windows, `long_term` its counters before this window, which stand in for a
    history that is too short.
    """
    found = []
    for key, window in now.items():
        if window.calls < limits.calls or window.mean_ms < limits.at_least * 1000:
            continue
        earlier = [one for one in history.get(key, ()) if one.calls >= limits.calls]
        if len(earlier) >= _ENOUGH_WINDOWS:
            times = [one.mean_ms for one in earlier]
            usual = stats.median(times)
            spread = stats.median([abs(time - usual) for time in times]) * _MAD_TO_SIGMA
            blocks = stats.median([one.mean_blocks for one in earlier])
        elif key in long_term and long_term[key].calls >= _ENOUGH_CALLS:
            counter = long_term[key]
            usual, spread, blocks = counter.total_ms / counter.calls, 0.0, counter.blocks / counter.calls
        else:
            continue
        if window.mean_ms <= max(usual * limits.times_slower, usual + _SIGMAS * spread):
            continue
        reads_more = window.mean_blocks > blocks * limits.blocks_times + 10
        if reads_more or window.mean_ms > usual * limits.times_slower_alone:
            found.append(Slow(key, window, usual, blocks))
    return sorted(found, key=lambda slow: slow.now.total_ms, reverse=True)


def new_and_bad(now: Mapping[str, Window], known: Mapping[str, object], limits: Statements) -> list[Slow]:
    """Statements never seen before that cost much from the start."""
    return sorted(
        (
            Slow(key, window, None, None)
            for key, window in now.items()
            if key not in known
            and window.mean_ms >= limits.new_mean * 1000
            and window.total_ms >= limits.new_total * 1000
        ),
        key=lambda slow: slow.now.total_ms,
        reverse=True,
    )


def is_query(text: str | None) -> bool:
    """Whether a text is a query of an application: no utility command, and none of this project's own."""
    return text is None or (bool(_QUERY.match(text)) and "deploy_ledger" not in text and "pg_stat_" not in text)
