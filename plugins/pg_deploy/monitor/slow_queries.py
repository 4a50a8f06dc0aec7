"""Slow queries: slower than their own history, or new and slow. Load alone makes no query slow by these rules."""

from __future__ import annotations

import re
import statistics as stats
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pg_deploy.monitor.statements import StatementCounter, Window
from pg_deploy.monitor.thresholds import StatementLimits

# Half of a normal distribution lies within 0.67 standard deviations of its median.
_MAD_TO_SIGMA = 1.4826
_SIGMAS = 6
# A statement with fewer windows than this has no history yet: its counters since the last reset stand in for one.
_ENOUGH_WINDOWS = 3
# The mean of a handful of calls says little: what is compared with it has to be slower by twice as much.
_FEW_CALLS, _ENOUGH_CALLS = 5, 20
# A slow query is clearly above nearly all of its earlier windows.
_USUALLY, _CLEARLY = 0.95, 1.2
# So many other statements are needed to tell whether the whole server is slower.
_ENOUGH_OTHERS = 3
_QUERY = re.compile(
    r"^\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*(select|insert|update|delete|merge|with|values|table|\()", re.I | re.S
)

# The statements of this project, and of people who look at the server rather than at data, hold one of these words or name a ledger.
_OURS = ("deploy_ledger", "deploy_catalog", "set_config(", "pg_stat_", "pg_catalog.", "cron.job", "schema_migrations")


@dataclass(frozen=True)
class SlowQuery:
    """A statement that deserves a look. Times are in ms; `before_ms` is None for a new one, which has no history."""

    key: str
    now: Window
    before_ms: float | None
    before_blocks: float | None
    reads_more: bool = False
    role: str = ""

    @property
    def object(self) -> str:
        """Its name in an alert, with its role if another role runs the statement as well."""
        return f"query {self.key.split('/')[0]}" + (f" of {self.role}" if self.role else "")


@dataclass(frozen=True)
class _Usual:
    """What a statement usually costs, how far that varies, and from how many times slower on that is news."""

    ms: float
    spread_ms: float
    highest_ms: float
    blocks: float
    times: float


def find_slower(
    now: Mapping[str, Window],
    history: Mapping[str, Sequence[Window]],
    long_term: Mapping[str, StatementCounter],
    limits: StatementLimits,
) -> list[SlowQuery]:
    """The statements that are slower than their own history: above its median, its usual spread and nearly all of its windows.

    Such a statement either reads more than before, which load alone makes no query do, or it got slower by so much more than all
    others that load does not explain it. `history` holds each statement's earlier windows. `long_term` holds its counters before
    this window, and stands in for a history that is too short. Pure.
    """
    known = {key: _usual(history.get(key, ()), long_term.get(key), limits) for key in now}
    slowdowns = {key: now[key].mean_ms / max(usual.ms, 0.001) for key, usual in known.items() if usual}
    slow = []
    for key, window in now.items():
        usual = known[key]
        if usual is None or window.calls < limits.calls or window.mean_ms < limits.at_least * 1000:
            continue
        # A statement that is still quick is news only if the difference is great.
        times_slower = usual.times if window.mean_ms > limits.at_least_alone * 1000 else limits.times_slower_alone
        normal_ms = max(
            usual.ms * max(usual.times, times_slower), usual.ms + _SIGMAS * usual.spread_ms, usual.highest_ms * _CLEARLY
        )
        if window.mean_ms <= normal_ms:
            continue
        reads_more = _reads_more(window, usual.blocks, limits)
        alone_ms = usual.ms * limits.times_slower_alone * slowdown_of_others(slowdowns, key)
        if reads_more or (window.mean_ms > alone_ms and window.mean_ms > limits.at_least_alone * 1000):
            slow.append(SlowQuery(key, window, usual.ms, usual.blocks, reads_more))
    return sorted(slow, key=lambda one: one.now.total_ms, reverse=True)


def usual_ms(earlier: Sequence[Window], counter: StatementCounter | None, limits: StatementLimits) -> float | None:
    """What a statement usually takes, by its earlier windows, else by its counters; None if both are too few. Pure."""
    usual = _usual(earlier, counter, limits)
    return usual.ms if usual else None


def _usual(earlier: Sequence[Window], counter: StatementCounter | None, limits: StatementLimits) -> _Usual | None:
    """What a statement usually costs, by its earlier windows, else by its counters; None if both are too few."""
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


def _reads_more(window: Window, blocks: float, limits: StatementLimits) -> bool:
    return window.mean_blocks > blocks * limits.blocks_times + 10


def slowdown_of_others(slowdowns: Mapping[str, float], key: str) -> float:
    """How many times slower the other statements got: a busy server slows all of them, a bad plan only one.

    At least 1, and 1 if they are too few to tell. Pure.
    """
    others = [each for other, each in slowdowns.items() if other != key]
    return max(1.0, stats.median(others)) if len(others) >= _ENOUGH_OTHERS else 1.0


def is_still_slow(slow: SlowQuery, now: Window, limits: StatementLimits) -> bool:
    """Whether a statement that was found slow is still slow. To be over, it must come nearer to its history than the alert's limit."""
    if slow.before_ms is None:
        return now.mean_ms >= limits.new_fastest * 1000
    if slow.reads_more:
        return now.mean_ms > slow.before_ms * 2 and _reads_more(now, slow.before_blocks or 0.0, limits)
    return now.mean_ms > slow.before_ms * limits.times_slower


def find_new_and_slow(
    now: Mapping[str, Window],
    counters: Mapping[str, StatementCounter],
    known: Collection[str],
    limits: StatementLimits,
) -> list[SlowQuery]:
    """The statements that were never seen before and are slow from the start.

    On a busy server a good query takes long now and then, but not each time. So its quickest call counts, or a mean that no
    load explains. Pure.
    """
    return sorted(
        (
            SlowQuery(key, window, None, None)
            for key, window in now.items()
            if key not in known
            # A single slow call says nothing about the next one; the list of the slowest shows it.
            and window.calls > 1
            and window.total_ms >= limits.new_total * 1000
            and (counters[key].fastest_ms >= limits.new_fastest * 1000 or window.mean_ms >= limits.new_mean * 1000)
        ),
        key=lambda slow: slow.now.total_ms,
        reverse=True,
    )


def is_query(text: str | None, ledgers: tuple[str, ...]) -> bool:
    """Whether a text is an application's query: not a utility command, and not one of this project's own. True if it is unknown.

    `ledgers` are the schemas of the database that are ledgers. Pure.
    """
    if text is None:
        return True
    return bool(_QUERY.match(text)) and not any(word in text for word in _OURS) and not _names_in(ledgers).search(text)


@lru_cache(maxsize=64)
def _names_in(ledgers: tuple[str, ...]) -> re.Pattern[str]:
    """The pattern of a name in one of these schemas."""
    names = "|".join(map(re.escape, ledgers))
    return re.compile(rf'(?<![\w$"])"?(?:{names})"?\.')
