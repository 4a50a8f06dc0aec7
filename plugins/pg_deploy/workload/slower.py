"""Whether a recorded statement became slower, and a sentence about its times. The rules are those of benchmarks, and one for many calls."""

from __future__ import annotations

from pg_deploy.ledger.kinds.benchmark import Measurement, describe_worse, got_worse
from pg_deploy.ledger.kinds.benchmark import is_slower as is_slower_by

TIMES = 1.5
"""The limit of a benchmark whose author names none."""
OFTEN_TIMES, OFTEN_MS = 3.0, 1.0
_ENDLESS_TIMES = 10.0
_A_MINUTE_MS = 60_000.0


def is_slower(before: Measurement, after: Measurement, calls_a_day: float | None, *, has_ended: bool = True) -> bool:
    """Whether it takes longer for a reason: more blocks or a worse plan. Pure.

    Either 1.5 times as long and 20 ms more, or 3 times as long and 1 ms more, which is a minute a day or more. Of what has not
    ended nobody knows the blocks: it is slower as well if it has taken 10 times as long by then.
    """
    if not has_ended and is_slower_by(before, after, _ENDLESS_TIMES):
        return True
    if not got_worse(before, after):
        return False
    a_day = (after.best_ms - before.best_ms) * (calls_a_day or 0.0)
    is_often = a_day >= _A_MINUTE_MS and is_slower_by(before, after, OFTEN_TIMES, OFTEN_MS)
    return is_often or is_slower_by(before, after, TIMES)


def describe_times(before: Measurement, after: Measurement, *, has_ended: bool = True) -> str:
    """Both times and what else changed, in one sentence. Without an end the time is the least that it takes. Pure."""
    least = "" if has_ended else "more than "
    sentence = f"{_ms(before.best_ms)} became {least}{_ms(after.best_ms)}{_change(before.best_ms, after.best_ms)}"
    if before.blocks is not None and after.blocks is not None and after.blocks != before.blocks:
        return f"{sentence}: it reads {after.blocks:,} blocks instead of {before.blocks:,}"
    worse = describe_worse(before, after)
    return f"{sentence}: {worse}" if worse else sentence


def _change(before: float, after: float) -> str:
    if before <= 0 or after < before * TIMES:
        return ""
    times = after / before
    return f" ({times:.1f} times slower)" if times < 10 else f" ({times:,.0f} times slower)"


def _ms(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms >= 100 else f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2f} ms"
