"""A rollback for many changes: the same bytes for the same input, and work that grows as the changes do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from types import FrameType
from typing import Any

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import Facts
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.many import CHANGED_EACH, many

_ANSWER = """
from hashlib import sha256
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.many import many
print(sha256(generate_rollback(*many(12)).sql.encode()).hexdigest())
"""


def test_the_same_input_gives_the_same_bytes_in_another_process() -> None:
    """Else what was approved is not what runs: sets come in an order that each process chooses."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _ANSWER],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {hashlib.sha256(generate_rollback(*many(12)).sql.encode()).hexdigest()}


def test_all_that_changed_is_taken_back() -> None:
    """Else the measure below is one of nothing."""
    before, after = many(3)
    difference = compare(before, after)
    made = generate_rollback(before, after)

    assert len((*difference.added, *difference.removed, *difference.changed)) >= 3 * CHANGED_EACH

    assert made.refusals == ()
    for number in range(3):
        for part in (
            f"alter table shop.old_{number} rename to t_{number};",
            f"drop table shop.t_{number}_undo_{number + 1};",
            f"alter table shop.t_{number} drop column added;",
            f"alter policy own on shop.t_{number}",
            f"comment on table shop.t_{number} is '0';",
            f"CREATE INDEX i_{number} ON shop.t_{number}",
        ):
            assert part in made.sql.replace("CONCURRENTLY ", ""), made.sql


def test_the_work_grows_as_the_changes_do() -> None:
    """Counted, not timed: with each object looked up for each other, a thousand changes would take minutes."""
    generate_rollback(*many(2))  # What is read once is read.
    few, more = _work(*many(20)), _work(*many(80))

    assert more < 4 * 1.25 * few, f"{few} lines for {20 * CHANGED_EACH} changes, {more} for {80 * CHANGED_EACH}"


def _work(before: Facts, after: Facts) -> int:
    """How many lines run: a loop counts each time."""
    count = 0

    def traced(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return traced

    earlier = sys.gettrace()
    sys.settrace(traced)
    try:
        generate_rollback(before, after)
    finally:
        sys.settrace(earlier)
    return count
