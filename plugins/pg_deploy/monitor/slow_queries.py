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
# Of a handful of calls the mean says little: what they are compared with has to be slower by twice as much.
_FEW_CALLS, _ENOUGH_CALLS = 5, 20
# Beyond all but a few of its earlier runs, and not only by a hair.
_USUALLY, _CLEARLY = 0.95, 1.2
# How many other statements tell whether the whole server is slower.
_OTHERS = 3
_QUERY = re.compile(
    r"^\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*(select|insert|update|delete|merge|with|values|table|\()", re.I | re.S
)

# Words of this project's own statements, and of anybody who looks at the server rather than at data.
_OURS = ("deploy_ledger", "deploy_catalog", "set_config(", "pg_stat_", "pg_catalog.", "cron.job", "schema_migrations")


@dataclass(frozen=True)
class Slow:
    """A statement that deserves a look; times in ms. `before_ms` is None for a new one, which has no history."""

    key: str
    now: Window
    before_ms: float | None
    before_blocks: float | None
    reads_more: bool = False
    role: str = ""

    @property
    def object(self) -> str:
        """Its name in an alert; with its role where another role's is counted as well."""
        return f"query {self.key.split('/')[0]}" + (f" of {self.role}" if self.role else "")


@dataclass(frozen=True)
class _Usual:
    """What a statement usually costs, how far it strays, and how many times slower is news."""

    ms: float
    spread_ms: float
    highest_ms: float
    blocks: float
    times: float


def slower(
    now: Mapping[str, Window],
    history: Mapping[str, Sequence[Window]],
    long_term: Mapping[str, Counter],
    limits: Statements,
) -> list[Slow]:
    """Statements slower than their own history: beyond its median, its usual spread and nearly all of its runs.

    Either it reads more than before, which load alone makes no query do, or it is slower by so much more than all others
    that load does not explain it. `history` is each statement's earlier windows, `long_term` its counters before this
    window, which stand in for a history that is too short.
    """
    known = {key: _usual(history.get(key, ()), long_term.get(key), limits) for key in now}
    times = {key: now[key].mean_ms / max(usual.ms, 0.001) for key, usual in known.items() if usual}
    found = []
    for key, window in now.items():
        usual = known[key]
        if usual is None or window.calls < limits.calls or window.mean_ms < limits.at_least * 1000:
            continue
        # Of what is quick anyway only a great difference is news.
        times_slower = usual.times if window.mean_ms > limits.at_least_alone * 1000 else limits.times_slower_alone
        normal = max(
            usual.ms * max(usual.times, times_slower), usual.ms + _SIGMAS * usual.spread_ms, usual.highest_ms * _CLEARLY
        )
        if window.mean_ms <= normal:
            continue
        reads_more = _reads_more(window, usual.blocks, limits)
        alone = usual.ms * limits.times_slower_alone * drag(times, key)
        if reads_more or (window.mean_ms > alone and window.mean_ms > limits.at_least_alone * 1000):
            found.append(Slow(key, window, usual.ms, usual.blocks, reads_more))
    return sorted(found, key=lambda slow: slow.now.total_ms, reverse=True)


def _usual(earlier: Sequence[Window], counter: Counter | None, limits: Statements) -> _Usual | None:
    enough = [one for one in earlier if one.calls >= limits.calls]
    if len(enough) >= _ENOUGH_WINDOWS:
        times = sorted(one.mean_ms for one in enough)
        middle = stats.median(times)
        spread = stats.median([abs(time - middle) for time in times]) * _MAD_TO_SIGMA
        highest = times[int(_USUALLY * (len(times) - 1))]
        return _Usual(middle, spread, highest, stats.median([one.mean_blocks for one in enough]), limits.times_slower)
    if counter is None or counter.calls < _FEW_CALLS:
        return None
    mean = counter.total_ms / counter.calls
    few = 1.0 if counter.calls >= _ENOUGH_CALLS else 2.0
    return _Usual(mean, 0.0, 0.0, counter.blocks / counter.calls, limits.times_slower * few)


def _reads_more(window: Window, blocks: float, limits: Statements) -> bool:
    return window.mean_blocks > blocks * limits.blocks_times + 10


def drag(times: Mapping[str, float], key: str) -> float:
    """How many times slower the other statements are as well: a busy server slows all of them, a bad plan one."""
    others = [each for other, each in times.items() if other != key]
    return max(1.0, stats.median(others)) if len(others) >= _OTHERS else 1.0


def is_still_slow(slow: Slow, now: Window, limits: Statements) -> bool:
    """Whether a statement that was found slow is so still; nearer to its history than what made it an alert."""
    if slow.before_ms is None:
        return now.mean_ms >= limits.new_fastest * 1000
    if slow.reads_more:
        return now.mean_ms > slow.before_ms * 2 and _reads_more(now, slow.before_blocks or 0.0, limits)
    return now.mean_ms > slow.before_ms * limits.times_slower


def new_and_bad(
    now: Mapping[str, Window], counters: Mapping[str, Counter], known: Mapping[str, object], limits: Statements
) -> list[Slow]:
    """Statements never seen before that cost much from the start.

    On a busy server a good query takes long now and then, but not each time: the quickest call counts, or a mean that no
    load explains.
    """
    return sorted(
        (
            Slow(key, window, None, None)
            for key, window in now.items()
            if key not in known
            # A single slow run is listed among the slowest: it says nothing of the next one.
            and window.calls > 1
            and window.total_ms >= limits.new_total * 1000
            and (counters[key].fastest_ms >= limits.new_fastest * 1000 or window.mean_ms >= limits.new_mean * 1000)
        ),
        key=lambda slow: slow.now.total_ms,
        reverse=True,
    )


def is_query(text: str | None) -> bool:
    """Whether a text is a query of an application: no utility command, and none of this project's own."""
    return text is None or (bool(_QUERY.match(text)) and not any(word in text for word in _OURS))
