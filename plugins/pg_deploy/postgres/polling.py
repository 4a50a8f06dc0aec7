"""Looking again and again: nothing here waits inside the server, where a session would hold a snapshot or a lock."""

from __future__ import annotations

import time
from collections.abc import Iterator


def looks(pause_s: float, *, say_every_s: float = float("inf")) -> Iterator[tuple[float, bool]]:
    """Each look, `pause_s` after the one before, for ever: the seconds so far, and whether it is time to say so (at first, too)."""
    started = time.monotonic()
    said = -say_every_s
    while True:
        waited = time.monotonic() - started
        is_due = waited - said >= say_every_s
        said = waited if is_due else said
        yield waited, is_due
        time.sleep(pause_s)
